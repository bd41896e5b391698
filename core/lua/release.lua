-- Gives a unit back without counting anything; without a wait, its shard goes first.
-- ARGV: id, unit, token, wait in ms.
local id, unit, token, wait = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('HGET', key(id, 'owners'), unit) ~= token then
  return reply(false)
end
drop_lease(id, unit)
if is_shard(unit) then
  make_ready(id, unit, wait > 0 and now + wait or 0)
end
return changed(id, true)
