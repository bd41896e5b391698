-- What every script shares. It is put in front of each of them, after RULES (see core/job_store.py).
--
-- KEYS[1] is the prefix of all our keys; the other names are made from it here, so the scripts need
-- one Redis server, not a cluster. Times are milliseconds of Redis's own clock, never a client's.
--
-- A unit is what can be leased: a shard by its seven digits, or the job's 'plan' or 'merge'.
local P = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local outbox = {}

local function key(id, part)
  return P .. 'job:' .. id .. (part and ':' .. part or '')
end

local function field(id, name)
  return redis.call('HGET', key(id), name)
end

local function number(id, name)
  return tonumber(field(id, name)) or 0
end

local function set(id, ...)
  redis.call('HSET', key(id), ...)
end

local function send(task, id, index, model)
  outbox[#outbox + 1] = {task, id, index, model}
end

local function is_shard(unit)
  return unit ~= 'plan' and unit ~= 'merge'
end

-- Listing is over, and the plan has no such shard.
local function beyond_plan(id, shard)
  return number(id, 'listing') == 0 and tonumber(shard) >= number(id, 'shards')
end

local function is_done(id, shard)
  return redis.call('GETBIT', key(id, 'done'), tonumber(shard)) == 1
end

-- The only place that writes a status.
local function move(id, to)
  local from = field(id, 'status')
  if not RULES.transitions[from][to] then
    error('illegal change of status: ' .. from .. ' to ' .. to)
  end
  set(id, 'status', to)
  if to == 'running' then
    redis.call('HSETNX', key(id), 'started', now)
  elseif to == 'merging' then
    set(id, 'merging', now)
  end
end

local function drop_parts(id)
  for _, part in ipairs(RULES.parts) do
    redis.call('DEL', key(id, part))
  end
end

local function has_live_lease(id)
  return redis.call('ZCOUNT', key(id, 'leases'), now, '+inf') > 0
end

local function drop_lease(id, unit)
  redis.call('ZREM', key(id, 'leases'), unit)
  redis.call('HDEL', key(id, 'owners'), unit)
  redis.call('HDEL', key(id, 'partial'), unit)
end

local function take_lease(id, unit, token)
  redis.call('ZREM', key(id, 'ready'), unit)
  redis.call('ZREM', key(id, 'sent'), unit)
  redis.call('ZADD', key(id, 'leases'), now + RULES.lease_ms, unit)
  redis.call('HSET', key(id, 'owners'), unit, token)
end

-- A shard may be run again from `due` on, unless its job is ending or it is done.
local function make_ready(id, shard, due)
  if number(id, 'stopping') == 0 and not is_done(id, shard) then
    redis.call('ZADD', key(id, 'ready'), due, shard)
  end
end

-- A lease that ended without a word: the unit may be claimed again, and the loss is counted.
local function lose(id, unit)
  drop_lease(id, unit)
  if is_shard(unit) then
    redis.call('HINCRBY', key(id, 'losses'), unit, 1)
    make_ready(id, unit, now)
  end
end

local function send_control(task, id)
  set(id, 'sent_' .. task, now)
  send(task, id)
end

local function live_workers(model)
  return redis.call('ZCOUNT', P .. 'workers:' .. model, now - RULES.worker_ms, '+inf')
end

-- Sends ready shards, one a job a turn, until each job's window is full.
local function fill(ids)
  local open = {}
  for _, id in ipairs(ids) do
    if field(id, 'status') == 'running' then
      local window = math.max(RULES.smallest_window, 2 * live_workers(field(id, 'model')))
      local flying = redis.call('ZCARD', key(id, 'sent')) + redis.call('ZCARD', key(id, 'leases'))
      local due = redis.call(
        'ZRANGEBYSCORE', key(id, 'ready'), '-inf', now, 'LIMIT', 0, math.max(0, window - flying))
      if #due > 0 then
        open[#open + 1] = {id = id, due = due}
      end
    end
  end
  local turn, sent = 1, true
  while sent do
    sent = false
    for _, job in ipairs(open) do
      local shard = job.due[turn]
      if shard then
        redis.call('ZREM', key(job.id, 'ready'), shard)
        redis.call('ZADD', key(job.id, 'sent'), now, shard)
        send('run_shard', job.id, tonumber(shard), field(job.id, 'model'))
        sent = true
      end
    end
    turn = turn + 1
  end
end

-- Adds a shard's tally to the job's progress, or with sign -1 takes it off again.
local function count(id, tally, sign)
  local counted, failed = cjson.decode(tally), 0
  for code, images in pairs(counted.failures) do
    redis.call('HINCRBY', key(id, 'failures'), code, sign * images)
    failed = failed + images
  end
  redis.call('HINCRBY', key(id), 'shards_done', sign)
  redis.call('HINCRBY', key(id), 'images_done', sign * counted.images)
  redis.call('HINCRBY', key(id), 'images_failed', sign * failed)
end

-- The output of a shard counts no more.
local function uncount(id, shard)
  if redis.call('SETBIT', key(id, 'done'), tonumber(shard), 0) == 1 then
    count(id, redis.call('HGET', key(id, 'tally'), shard), -1)
    redis.call('HDEL', key(id, 'tally'), shard)
  end
end

-- A shard that does not belong to the plan.
local function forget(id, shard)
  uncount(id, shard)
  drop_lease(id, shard)
  redis.call('ZREM', key(id, 'ready'), shard)
  redis.call('ZREM', key(id, 'sent'), shard)
end

local function cancel(id)
  move(id, 'cancelling')
  set(id, 'stopping', 1, 'cancelled', 1)
  redis.call('DEL', key(id, 'ready'), key(id, 'sent'))
end

-- Makes the changes of status that follow from the state. Ends every script that changes a job.
local function advance(id)
  local status = field(id, 'status')
  local over = number(id, 'listing') == 0
  local stopping = number(id, 'stopping') == 1
  local all_done = over and number(id, 'shards_done') >= number(id, 'shards')
  if status == 'queued' and not stopping and number(id, 'shards') > 0 then
    move(id, 'running')
    status = 'running'
  end
  local ending
  if status == 'queued' or status == 'running' then
    ending = (stopping and not has_live_lease(id)) or (all_done and not stopping)
  elseif status == 'cancelling' then
    ending = not has_live_lease(id)
  end
  if ending then
    move(id, 'merging')
    send_control('merge_job', id)
  end
end

local function reply(value)
  return cjson.encode({value = value, send = outbox})
end

-- What a script that changed one job returns.
local function changed(id, value)
  advance(id)
  fill({id})
  return reply(value)
end
