-- A shard output stands. Accepted from anyone and counted once: outputs are written create-only.
-- ARGV: id, shard, tally (JSON: images, failures by code, kept), seconds of work on the images that
-- were not kept ('0' where unknown).
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
  tick('duplicate_outputs')
  return changed(id, false)
end
redis.call('HSET', key(id, 'tally'), shard, tally)
count(id, tally, 1)
tick_images(tally)
tick('shards done')
local counted = cjson.decode(tally)
local worked_on = counted.images - (counted.kept or 0)
if seconds > 0 then
  local per_image = 1000 * seconds / math.max(1, worked_on)
  local rates, model = P .. 'image_ms', field(id, 'model')
  local before = tonumber(redis.call('HGET', rates, model)) or per_image
  redis.call('HSET', rates, model, 0.8 * before + 0.2 * per_image)
  take_sample(id)
else
  -- Found standing, not worked for: it says nothing of the pace.
  redis.call('HINCRBY', key(id), 'images_found', worked_on)
end
return changed(id, true)
