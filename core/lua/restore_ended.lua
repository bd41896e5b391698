-- Makes a job known again that has ended. One that is known stays as it is.
-- ARGV: id, status, finished (ms), progress (JSON), reason ('' for none), then fields of its hash.
local id, status, finished, progress, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('EXISTS', key(id)) == 1 then
  return reply(false)
end
set(id, 'status', status, 'finished', finished, 'progress', progress, 'reason', reason,
  unpack(ARGV, 6))
enter_lists(id)
expire_ended(id)
return reply(true)
