-- Something happened to a job that its status does not tell: its webhook is to know.
-- ARGV: id, event. Where Redis has lost the job, whoever delivers finds out what is wanted.
local id, event = ARGV[1], ARGV[2]
if redis.call('EXISTS', key(id)) == 1 then
  emit(id, event, 1)
else
  redis.call('ZADD', P .. 'deliveries', 'NX', now, id .. ' ' .. event .. ' 1')
end
return reply(true)
