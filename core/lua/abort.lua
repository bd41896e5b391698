-- Listing broke for good: what is finished will be merged, and the job ends as failed.
-- ARGV: id, reason.
local id, reason = ARGV[1], ARGV[2]
local status = field(id, 'status')
if status ~= 'queued' and status ~= 'running' then
  return reply(false)
end
set(id, 'stopping', 1, 'reason', reason)
redis.call('DEL', key(id, 'ready'), key(id, 'sent'))
drop_lease(id, 'plan')
return changed(id, true)
