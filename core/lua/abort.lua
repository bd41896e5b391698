-- The job cannot go on: what is finished will be merged, and it ends as failed.
-- ARGV: id, unit, token (of the lease whose work shows it), reason.
local id, unit, token, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local status = field(id, 'status')
if (status ~= 'queued' and status ~= 'running')
   or redis.call('HGET', key(id, 'owners'), unit) ~= token then
  return reply(false)
end
set(id, 'stopping', 1, 'reason', reason)
redis.call('DEL', key(id, 'ready'), key(id, 'sent'))
drop_lease(id, unit)
return changed(id, true)
