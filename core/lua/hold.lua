-- Takes, keeps or gives back a turn at work that one worker at a time does.
-- ARGV: what, worker, for how long (ms; 0 gives it back).
local lock, worker, ms = P .. ARGV[1], ARGV[2], tonumber(ARGV[3])
local holder = redis.call('GET', lock)
if holder and holder ~= worker then
  return reply(false)
end
if ms > 0 then
  redis.call('SET', lock, worker, 'PX', ms)
else
  redis.call('DEL', lock)
end
return reply(true)
