-- Ended jobs are made known again, once in the life of a Redis. ARGV: 'begin' or 'end', token.
-- A token that Redis has forgotten meanwhile ends nothing: it was emptied again.
local step, token = ARGV[1], ARGV[2]
if step == 'begin' then
  if redis.call('EXISTS', P .. 'restored') == 1 then
    return reply(false)
  end
  redis.call('SET', P .. 'restoring', token)
  return reply(true)
end
if redis.call('GET', P .. 'restoring') ~= token then
  return reply(false)
end
redis.call('DEL', P .. 'restoring')
redis.call('SET', P .. 'restored', 1)
return reply(true)
