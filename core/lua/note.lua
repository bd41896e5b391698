-- Notes which of its images a shard comes to, before it is touched. ARGV: id, unit, token, position
-- among the shard's images, or '' for none any more. Returns
--   'ok'       noted
--   'lost'     another worker has the shard
--   'unknown'  Redis has lost the job: go on
local id, unit, token, position = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', key(id)) == 0 then
  return reply('unknown')
end
local owner = redis.call('HGET', key(id, 'owners'), unit)
if owner and owner ~= token then
  return reply('lost')
end
if position == '' then
  redis.call('HDEL', key(id, 'noted'), unit)
else
  redis.call('HSET', key(id, 'noted'), unit, position)
end
return reply('ok')
