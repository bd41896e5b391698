-- How jobs stand, all at one moment. Only reads. ARGV: ids.
-- Returns {now, jobs}: of each known job its id and fields, failed images by code, running shards and
-- their finished images, the oldest and the newest note of its pace, live workers of its model.
local jobs = {}
for _, id in ipairs(ARGV) do
  local fields = hash(key(id))
  if fields.status then
    local partial = 0
    for _, images in ipairs(redis.call('HVALS', key(id, 'partial'))) do
      partial = partial + tonumber(images)
    end
    jobs[#jobs + 1] = {
      id = id,
      fields = fields,
      failures = hash(key(id, 'failures'), tonumber),
      leases = redis.call('ZCARD', key(id, 'leases')),
      partial = partial,
      oldest = redis.call('LINDEX', key(id, 'pace'), 0) or '',
      newest = redis.call('LINDEX', key(id, 'pace'), -1) or '',
      workers = live_workers(fields.model),
    }
  end
end
return reply({now = now, jobs = jobs})
