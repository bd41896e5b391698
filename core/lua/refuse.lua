-- The aggregator refused shard outputs: merging -> running, and those shards run again.
-- ARGV: id, token, shards (JSON).
local id, token, shards = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
if redis.call('HGET', key(id, 'owners'), 'merge') ~= token or field(id, 'status') ~= 'merging' then
  return reply(false)
end
drop_lease(id, 'merge')
tick('shards refused', #shards)
for _, shard in ipairs(shards) do
  uncount(id, shard)
  make_ready(id, shard, now)
end
move(id, 'running')
return changed(id, true)
