-- Extends a lease, and tells how far its work is. ARGV: id, unit, token, images finished. Returns
--   'ok'       the lease is extended, or taken up again when nobody else has claimed since
--   'lost'     another worker has it
--   'stopped'  the job does not want this unit any more (done, cancelled, paused, ended)
--   'unknown'  Redis has lost the job: go on, what is written will be found
local id, unit, token, images = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('EXISTS', key(id)) == 0 then
  return reply('unknown')
end
local status = field(id, 'status')
local wanted
if unit == 'merge' then
  wanted = status == 'merging'
elseif unit == 'plan' then
  wanted = (status == 'queued' or status == 'running') and number(id, 'listing') == 1
else
  -- A job that is being rebuilt is queued until its first image list is known again.
  wanted = (status == 'queued' or status == 'running') and not is_done(id, unit)
           and not beyond_plan(id, unit)
end
if not wanted or (unit ~= 'merge' and number(id, 'stopping') == 1) then
  return reply('stopped')
end
local owner = redis.call('HGET', key(id, 'owners'), unit)
if owner and owner ~= token then
  return reply('lost')
end
take_lease(id, unit, token)
if images > 0 then
  redis.call('HSET', key(id, 'partial'), unit, images)
end
if is_shard(unit) then
  take_sample(id)
end
return reply('ok')
