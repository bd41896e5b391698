-- Leases the oldest delivery that is due, but none of a caller who has had enough turns: those wait,
-- so that the next ones are looked at. ARGV: callers (JSON list). Returns {delivery, caller} or false.
local sated = {}
for _, caller in ipairs(cjson.decode(ARGV[1])) do
  sated[caller] = true
end
local due = redis.call(
  'ZRANGEBYSCORE', P .. 'deliveries', '-inf', now, 'LIMIT', 0, RULES.deliver_looks)
for _, delivery in ipairs(due) do
  local caller = field(string.match(delivery, '^%S+'), 'caller') or ''
  if not sated[caller] then
    redis.call('ZADD', P .. 'deliveries', 'XX', now + RULES.deliver_ms, delivery)
    return reply({delivery, caller})
  end
  redis.call('ZADD', P .. 'deliveries', 'XX', now + RULES.sated_ms, delivery)
end
return reply(false)
