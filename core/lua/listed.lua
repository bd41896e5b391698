-- Listing is over: all image lists are written. ARGV: id, shards, duplicates, skipped (JSON).
-- Refused while some of the shards are not known yet.
local id, shards, duplicates, skipped = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if redis.call('EXISTS', key(id)) == 0 or number(id, 'shards') ~= shards then
  return reply(false)
end
if number(id, 'listing') == 1 then
  set(id, 'listing', 0, 'duplicates', duplicates, 'skipped', skipped)
  drop_lease(id, 'plan')
end
return changed(id, true)
