-- Goes on with a paused job. ARGV: id.
local id = ARGV[1]
if field(id, 'status') ~= 'paused' then
  return reply(false)
end
move(id, 'running')
redis.call('HDEL', key(id), 'reason', 'paused')
if number(id, 'listing') == 1 then
  send_control('plan_job', id)
end
return changed(id, true)
