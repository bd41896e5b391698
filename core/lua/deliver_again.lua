-- A delivery failed, or could not be tried: it is due again later. ARGV: delivery, wait in ms.
return reply(redis.call('ZADD', P .. 'deliveries', 'XX', 'CH', now + ARGV[2], ARGV[1]) == 1)
