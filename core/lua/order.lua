-- Says where a job stands among those of its model; a later word counts, whichever comes first.
-- ARGV: id, priority, the how manyeth word it is. Returns the status; false for no such job.
local id, priority, word = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local status = field(id, 'status')
if not status or not next(RULES.transitions[status]) then
  return reply(status)
end
if word > number(id, 'orders') then
  set(id, 'priority', priority, 'orders', word)
  enter_urgent(id)
end
advance(id)
fill({id})
-- Lowered, it may hold nobody up any more.
fill(redis.call('SMEMBERS', P .. 'outranked'))
return reply(status)
