-- An attempt ended with an error that was reported: the unit waits, then may be tried again.
-- ARGV: id, unit, token, wait in ms, what is counted ('errors' or 'outages').
local id, unit, token, wait, counted = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
if redis.call('HGET', key(id, 'owners'), unit) ~= token then
  return reply(false)
end
drop_lease(id, unit)
redis.call('HINCRBY', key(id, counted), unit, 1)
if is_shard(unit) then
  tick('shards ' .. counted)
  make_ready(id, unit, now + wait)
else
  -- The reaper sends it again some time after it was last sent.
  set(id, 'sent_' .. unit .. '_job', now + wait)
end
return changed(id, true)
