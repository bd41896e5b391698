-- The workers of a queue that live. ARGV: queue (a model, or 'control').
local workers = P .. 'workers:' .. ARGV[1]
return reply(redis.call('ZRANGEBYSCORE', workers, now - RULES.worker_ms, '+inf'))
