-- What there is to measure: counts that the scripts keep, and the stock that the reaper took last.
-- Looks at no job. ARGV: queues (models, and 'control'), of which to count the live workers.
local workers = {}
for _, queue in ipairs(ARGV) do
  workers[queue] = live_workers(queue)
end
local reaped = tonumber(redis.call('GET', P .. 'reaped'))
local measures = {
  counters = hash(P .. 'counters', tonumber),
  image_ms = hash(P .. 'image_ms', tonumber),
  workers = workers,
  deliveries = redis.call('ZCARD', P .. 'deliveries'),
  since_reaped_ms = reaped and now - reaped,
}
local stock = redis.call('GET', P .. 'stock')
if stock then
  measures.stock = cjson.decode(stock)
end
return reply(measures)
