-- The job was deleted: nothing of it is known any more. ARGV: id, caller.
local id, caller = ARGV[1], ARGV[2]
leave_live(id)
redis.call('ZREM', P .. 'jobs', id)
redis.call('ZREM', P .. 'jobs:' .. caller, id)
drop_parts(id)
return reply(redis.call('DEL', key(id)) == 1)
