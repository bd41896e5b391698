-- Listing is over: all image lists are written. ARGV: id, shards, images, duplicates, skipped (JSON).
-- Refused while some of the shards are not known yet.
local id, shards, images, duplicates, skipped = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local known = number(id, 'shards')
if redis.call('EXISTS', key(id)) == 0 or known < shards then
  return reply(false)
end
if number(id, 'listing') == 1 then
  set(id, 'listing', 0, 'duplicates', duplicates, 'skipped', skipped)
  drop_lease(id, 'plan')
  -- A planner that was overtaken may have written image lists beyond the end that now stands.
  for index = shards, known - 1 do
    forget(id, string.format('%07d', index))
  end
  set(id, 'shards', shards, 'images', images)
end
return changed(id, true)
