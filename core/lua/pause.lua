-- Stops trying until the job is resumed; nothing is counted. A job that is ending ends.
-- Refused when a fresh URL of the container came that the worker does not know yet.
-- ARGV: id, reason, how many fresh URLs the worker knows.
local id, reason, urls = ARGV[1], ARGV[2], tonumber(ARGV[3])
local status = field(id, 'status')
if (status ~= 'queued' and status ~= 'running') or number(id, 'stopping') == 1
   or number(id, 'urls') > urls then
  return reply(false)
end
move(id, 'paused')
set(id, 'paused', now, 'reason', reason)
for _, shard in ipairs(redis.call('ZRANGE', key(id, 'sent'), 0, -1)) do
  make_ready(id, shard, now)
end
redis.call('DEL', key(id, 'sent'))
return changed(id, true)
