-- A delivery is over, however it ended. ARGV: delivery.
return reply(redis.call('ZREM', P .. 'deliveries', ARGV[1]) == 1)
