-- A worker lives. ARGV: queue (a model, or 'control'), worker, 'here' or 'gone'.
local workers, worker = P .. 'workers:' .. ARGV[1], ARGV[2]
if ARGV[3] == 'gone' then
  redis.call('ZREM', workers, worker)
  redis.call('HDEL', P .. 'holding', worker)
  return reply(true)
end
redis.call('ZADD', workers, now, worker)
for _, silent in ipairs(redis.call('ZRANGEBYSCORE', workers, '-inf', now - RULES.forget_ms)) do
  redis.call('ZREM', workers, silent)
  redis.call('HDEL', P .. 'holding', silent)
end
return reply(true)
