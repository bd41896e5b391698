-- A shard output stands. Accepted from anyone and counted once: outputs are written create-only.
-- ARGV: id, shard, tally (JSON: images, failures by code), seconds of work ('0' where unknown).
local id, shard, tally, seconds = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local status = field(id, 'status')
if status ~= 'queued' and status ~= 'running' and status ~= 'paused' and status ~= 'cancelling' then
  return reply(false)
end
if beyond_plan(id, shard) then
  return reply(false)
end
redis.call('ZREM', key(id, 'ready'), shard)
redis.call('ZREM', key(id, 'sent'), shard)
drop_lease(id, shard)
if redis.call('SETBIT', key(id, 'done'), tonumber(shard), 1) == 1 then
  return changed(id, false)
end
redis.call('HSET', key(id, 'tally'), shard, tally)
count(id, tally, 1)
if seconds > 0 then
  local per_image = 1000 * seconds / math.max(1, cjson.decode(tally).images)
  local rates, model = P .. 'image_ms', field(id, 'model')
  local before = tonumber(redis.call('HGET', rates, model)) or per_image
  redis.call('HSET', rates, model, 0.8 * before + 0.2 * per_image)
end
return changed(id, true)
