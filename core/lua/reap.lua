-- Repairs what nobody else would: expired leases, lost messages, units that wait for their turn.
-- One reaper at a time, by a lock that it renews. ARGV: reaper. Returns the live jobs, or false.
local reaper = ARGV[1]
local lock = P .. 'reaper'
local holder = redis.call('GET', lock)
if holder and holder ~= reaper then
  return reply(false)
end
redis.call('SET', lock, reaper, 'PX', RULES.reaper_ms)

-- After a gap longer than a lease (Redis frozen, or no reaper), nobody could renew: that is no loss.
local last = tonumber(redis.call('GET', P .. 'reaped')) or now
local gap = now - last > RULES.lease_ms
redis.call('SET', P .. 'reaped', now)

-- The queue of a model, as the reaper sees it: since when it is empty, in ms; false if it is not.
local queues = {}
local function empty_since(model)
  if queues[model] == nil then
    local seen = P .. 'empty_since'
    if redis.call('LLEN', P .. 'detect.' .. model) > 0 then
      redis.call('HDEL', seen, model)
      queues[model] = false
    else
      redis.call('HSETNX', seen, model, now)
      queues[model] = tonumber(redis.call('HGET', seen, model))
    end
  end
  return queues[model]
end

local function extend_leases(id)
  for _, unit in ipairs(redis.call('ZRANGE', key(id, 'leases'), 0, -1)) do
    redis.call('ZADD', key(id, 'leases'), now + RULES.lease_ms, unit)
  end
end

local function lose_expired(id)
  for _, unit in ipairs(redis.call('ZRANGEBYSCORE', key(id, 'leases'), '-inf', now)) do
    lose(id, unit)
  end
end

-- A message counts as lost when its queue has been empty since, or a much later one was claimed.
local function find_lost_messages(id)
  local model = field(id, 'model')
  local empty = empty_since(model)
  local claimed = tonumber(redis.call('HGET', P .. 'claimed', model)) or 0
  local sent = redis.call('ZRANGE', key(id, 'sent'), 0, -1, 'WITHSCORES')
  for i = 1, #sent, 2 do
    local shard, at = sent[i], tonumber(sent[i + 1])
    if (empty and now - math.max(empty, at) > RULES.empty_ms) or claimed - at > RULES.overtaken_ms then
      redis.call('ZREM', key(id, 'sent'), shard)
      make_ready(id, shard, now)
      tick('sent_again run_shard')
    end
  end
end

local function send_again(id, task, unit)
  local leased = redis.call('ZSCORE', key(id, 'leases'), unit)
  if not leased and now - number(id, 'sent_' .. task) > RULES.control_ms then
    send_control(task, id)
    tick('sent_again ' .. task)
  end
end

local ids = redis.call('ZRANGE', P .. 'live', 0, -1)
for _, id in ipairs(ids) do
  if redis.call('EXISTS', key(id)) == 1 then
    if gap then extend_leases(id) else lose_expired(id) end
    find_lost_messages(id)
    local status = field(id, 'status')
    if status == 'paused' and now - number(id, 'paused') > RULES.paused_ms then
      cancel(id)
    end
    if (status == 'queued' or status == 'running') and number(id, 'listing') == 1
       and number(id, 'stopping') == 0 then
      send_again(id, 'plan_job', 'plan')
    elseif status == 'merging' then
      send_again(id, 'merge_job', 'merge')
    end
    advance(id)
  else
    leave_live(id)
  end
end
fill(ids)

-- What the live jobs come to together, so that whoever measures need not look at each.
local function take_stock()
  local jobs, shards, oldest = {}, {ready = 0, sent = 0, leased = 0}, now
  local open = {}
  for _, id in ipairs(ids) do
    local status = field(id, 'status')
    if status then
      jobs[status] = (jobs[status] or 0) + 1
      if status == 'queued' then
        oldest = math.min(oldest, number(id, 'created'))
      end
      local control = 0
      for _, unit in ipairs({'plan', 'merge'}) do
        if redis.call('ZSCORE', key(id, 'leases'), unit) then
          control = control + 1
        end
      end
      local ready = redis.call('ZCARD', key(id, 'ready'))
      local sent = redis.call('ZCARD', key(id, 'sent'))
      local leased = redis.call('ZCARD', key(id, 'leases')) - control
      shards.ready = shards.ready + ready
      shards.sent = shards.sent + sent
      shards.leased = shards.leased + leased
      if status == 'running' then
        local model = field(id, 'model')
        open[model] = (open[model] or 0) + ready + sent + leased
      end
    end
  end
  return cjson.encode({jobs = jobs, shards = shards, open = open, oldest_ms = now - oldest})
end
redis.call('SET', P .. 'stock', take_stock())

-- The lists of jobs forget the oldest ones whose time is over.
local function forget_oldest(list)
  for _, id in ipairs(redis.call('ZRANGE', list, 0, RULES.forget_jobs - 1)) do
    if redis.call('EXISTS', key(id)) == 0 then
      redis.call('ZREM', list, id)
    end
  end
end
forget_oldest(P .. 'jobs')
for _, caller in ipairs(redis.call('SMEMBERS', P .. 'callers')) do
  forget_oldest(P .. 'jobs:' .. caller)
  forget_oldest(P .. 'live:' .. caller)
end
return reply(ids)
