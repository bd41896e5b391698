-- A worker lives. ARGV: queue (a model, or 'control'), worker, 'here' or 'gone', and the process ids of
-- its children that have died, each with a blank before and behind it.
local workers, worker = P .. 'workers:' .. ARGV[1], ARGV[2]
if ARGV[3] == 'gone' then
  redis.call('ZREM', workers, worker)
  redis.call('HDEL', P .. 'holding', worker)
  redis.call('HDEL', P .. 'loads', worker)
  return reply(true)
end
redis.call('ZADD', workers, now, worker)
for _, silent in ipairs(redis.call('ZRANGEBYSCORE', workers, '-inf', now - RULES.forget_ms)) do
  redis.call('ZREM', workers, silent)
  redis.call('HDEL', P .. 'holding', silent)
  redis.call('HDEL', P .. 'loads', silent)
end
-- What a dead child held goes to whoever is free. A token is 'worker/process id-random'.
local held = redis.call('HGET', P .. 'holding', worker)
if held then
  local id, unit, token = unpack(cjson.decode(held))
  local child = string.match(token, '/(%d+)%-')
  if string.find(ARGV[4], ' ' .. child .. ' ', 1, true)
     and redis.call('HGET', key(id, 'owners'), unit) == token then
    lose(id, unit, true)
    return changed(id, true)
  end
end
return reply(true)
