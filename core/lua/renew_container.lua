-- A fresh URL of the container stands in the storage: a paused job goes on with it.
-- ARGV: id, how many fresh URLs there are, when the SAS of this one ends (ms; '' where it says none).
local id, urls, sas_expires = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local status = field(id, 'status')
if status ~= 'queued' and status ~= 'running' and status ~= 'paused' then
  return reply(false)
end
if urls > number(id, 'urls') then
  set(id, 'urls', urls)
  if sas_expires == '' then
    redis.call('HDEL', key(id), 'sas_expires')
  else
    set(id, 'sas_expires', sas_expires)
  end
end
if status == 'paused' then
  move(id, 'running')
  redis.call('HDEL', key(id), 'reason', 'paused')
  if number(id, 'listing') == 1 then
    send_control('plan_job', id)
  end
end
return changed(id, true)
