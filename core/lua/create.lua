-- Makes a job known: '' -> queued. A job that is known already stays as it is.
-- ARGV: id, then the fields of its hash.
local id = ARGV[1]
if redis.call('EXISTS', key(id)) == 1 then
  return reply(false)
end
set(id, 'status', 'queued', 'listing', 1, unpack(ARGV, 2))
local created = number(id, 'created')
redis.call('ZADD', P .. 'jobs', created, id)
redis.call('ZADD', P .. 'live', created, id)
send_control('plan_job', id)
return changed(id, true)
