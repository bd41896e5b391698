-- Ends a job early; finished shards will be merged. ARGV: id. Returns the status from before.
local id = ARGV[1]
local status = field(id, 'status')
if status == 'queued' or status == 'running' or status == 'paused' then
  cancel(id)
  return changed(id, status)
end
return reply(status)
