-- The aggregator refused shard outputs: merging -> running, and those shards run again.
-- ARGV: id, token, shards (JSON).
local id, token, shards = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
if redis.call('HGET', key(id, 'owners'), 'merge') ~= token or field(id, 'status') ~= 'merging' then
  return reply(false)
end
drop_lease(id, 'merge')
for _, shard in ipairs(shards) do
  if redis.call('SETBIT', key(id, 'done'), tonumber(shard), 0) == 1 then
    count(id, redis.call('HGET', key(id, 'tally'), shard), -1)
    redis.call('HDEL', key(id, 'tally'), shard)
  end
  make_ready(id, shard, now)
end
if number(id, 'stopping') == 0 then
  move(id, 'running')
else
  send_control('merge_job', id)
end
return changed(id, true)
