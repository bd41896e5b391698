-- How often a worker has begun to load its detector since that last succeeded.
-- ARGV: worker, 'more' or 'none'.
if ARGV[2] == 'none' then
  redis.call('HDEL', P .. 'loads', ARGV[1])
  return reply(0)
end
return reply(redis.call('HINCRBY', P .. 'loads', ARGV[1], 1))
