-- How many workers of a queue live. ARGV: queue (a model, or 'control').
return reply(live_workers(ARGV[1]))
