-- An image list was written: its shard may run. Said again, or late, it changes nothing.
-- ARGV: id, shard, images in it.
local id, shard, images = ARGV[1], ARGV[2], ARGV[3]
if number(id, 'listing') == 0 or number(id, 'stopping') == 1
   or tonumber(shard) ~= number(id, 'shards') then
  return reply(false)
end
redis.call('HINCRBY', key(id), 'shards', 1)
redis.call('HINCRBY', key(id), 'images', images)
make_ready(id, shard, now)
return changed(id, true)
