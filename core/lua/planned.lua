-- An image list was written: its shard may run. Said again, or late, it changes nothing. Returns the
-- shard that is to be told next: an earlier one than this where Redis has lost some. False when the
-- job wants none, or is not known. ARGV: id, shard, images in it.
local id, shard, images = ARGV[1], ARGV[2], ARGV[3]
local known = number(id, 'shards')
if number(id, 'listing') == 0 or number(id, 'stopping') == 1 then
  return reply(false)
end
if tonumber(shard) ~= known then
  return reply(known)
end
redis.call('HINCRBY', key(id), 'shards', 1)
redis.call('HINCRBY', key(id), 'images', images)
make_ready(id, shard, now)
return changed(id, known + 1)
