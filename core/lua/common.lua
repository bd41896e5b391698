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

-- A whole hash, each of its values read by `read`, where it is given.
local function hash(name, read)
  local flat, found = redis.call('HGETALL', name), {}
  for i = 1, #flat, 2 do
    found[flat[i]] = read and read(flat[i + 1]) or flat[i + 1]
  end
  return found
end

local function set(id, ...)
  redis.call('HSET', key(id), ...)
end

local function send(task, id, index, model)
  outbox[#outbox + 1] = {task, id, index, model}
end

-- Counts what happened, for whoever watches over the service: core/measures.py has the names.
local function tick(name, times)
  redis.call('HINCRBY', P .. 'counters', name, times or 1)
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

-- Tells the job's webhook, if it wants to know. Said again, it changes nothing.
local function emit(id, event, n)
  local wanted = ' ' .. (field(id, 'events') or '') .. ' '
  if string.find(wanted, ' ' .. event .. ' ', 1, true) then
    redis.call('ZADD', P .. 'deliveries', 'NX', now, id .. ' ' .. event .. ' ' .. n)
  end
end

-- The only place that writes a status.
local function move(id, to)
  local from = field(id, 'status')
  if not RULES.transitions[from][to] then
    error('illegal change of status: ' .. from .. ' to ' .. to)
  end
  set(id, 'status', to)
  if to == 'running' then
    if redis.call('HSETNX', key(id), 'started', now) == 1 then
      emit(id, 'job.started', 1)
    end
    redis.call('DEL', key(id, 'pace'))
  elseif to == 'merging' then
    set(id, 'merging', now)
  elseif RULES.events[to] then
    -- A job is paused once for each URL of its container, and ends once.
    emit(id, RULES.events[to], to == 'paused' and number(id, 'urls') + 1 or 1)
  end
end

-- The jobs that come before others, by their priority. Few have one, and what every script looks at
-- is short.
local function enter_urgent(id)
  if number(id, 'priority') > 0 then
    redis.call('ZADD', P .. 'urgent', number(id, 'priority'), id)
  else
    redis.call('ZREM', P .. 'urgent', id)
  end
end

-- A job is live from its creation until its end, and counts for its caller so long.
local function enter_live(id)
  enter_urgent(id)
  redis.call('ZADD', P .. 'live', number(id, 'created'), id)
  redis.call('ZADD', P .. 'live:' .. field(id, 'caller'), number(id, 'created'), id)
end

local function leave_live(id)
  local caller = field(id, 'caller')
  redis.call('ZREM', P .. 'urgent', id)
  redis.call('SREM', P .. 'outranked', id)
  redis.call('HDEL', key(id), 'priority', 'orders')
  redis.call('ZREM', P .. 'live', id)
  if caller then
    redis.call('ZREM', P .. 'live:' .. caller, id)
  end
end

-- Whoever lists jobs finds it.
local function enter_lists(id)
  redis.call('ZADD', P .. 'jobs', number(id, 'created'), id)
  redis.call('ZADD', P .. 'jobs:' .. field(id, 'caller'), number(id, 'created'), id)
  redis.call('SADD', P .. 'callers', field(id, 'caller'))
end

-- Redis knows a job that has ended a little longer than the storage keeps it (core/retention.py), so
-- that none is missing from a list which is still there.
local function expire_ended(id)
  local goes = math.max(number(id, 'expires'), number(id, 'finished') + RULES.kept_ms)
  redis.call('PEXPIREAT', key(id), goes + RULES.late_ms)
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
  redis.call('HDEL', key(id, 'noted'), unit)
end

local function take_lease(id, unit, token)
  redis.call('ZREM', key(id, 'ready'), unit)
  redis.call('ZREM', key(id, 'sent'), unit)
  redis.call('ZADD', key(id, 'leases'), now + RULES.lease_ms, unit)
  redis.call('HSET', key(id, 'owners'), unit, token)
end

-- A shard may be run again from `due` on, unless its job is ending or it is done. Ready shards go in
-- the order of their times.
local function make_ready(id, shard, due)
  if number(id, 'stopping') == 0 and not is_done(id, shard) then
    redis.call('ZADD', key(id, 'ready'), due, shard)
  end
end

-- The shard was lost while this one of its images was noted.
local function suspect(id, shard, position, died)
  local known = redis.call('HGET', key(id, 'suspects'), shard)
  local suspects = known and cjson.decode(known) or {}
  local deaths, silences = unpack(suspects[position] or {0, 0})
  suspects[position] = died and {deaths + 1, silences} or {deaths, silences + 1}
  redis.call('HSET', key(id, 'suspects'), shard, cjson.encode(suspects))
end

-- A lease that ended without a word: the unit may be claimed again, and the loss is counted, against
-- the image that was noted, if there is one. `died` says that the child of a living worker did.
local function lose(id, unit, died)
  local position = redis.call('HGET', key(id, 'noted'), unit)
  drop_lease(id, unit)
  tick('leases_lost ' .. (is_shard(unit) and 'shard' or unit))
  if is_shard(unit) then
    if position then
      suspect(id, unit, position, died)
    else
      redis.call('HINCRBY', key(id, 'losses'), unit, 1)
      if died then
        redis.call('HINCRBY', key(id, 'deaths'), unit, 1)
      end
    end
    -- Before those that nobody has begun: who waits for it has waited long enough.
    make_ready(id, unit, 0)
  end
end

local function send_control(task, id)
  set(id, 'sent_' .. task, now)
  send(task, id)
end

local function live_workers(model)
  return redis.call('ZCOUNT', P .. 'workers:' .. model, now - RULES.worker_ms, '+inf')
end

local function has_due(id)
  return redis.call('ZCOUNT', key(id, 'ready'), '-inf', now) > 0
end

-- Whether a job must let another go first: one of the same model with a higher priority that runs,
-- and for which `waits` is so.
local function outranked(id, waits)
  local above = redis.call('ZRANGEBYSCORE', P .. 'urgent', '(' .. number(id, 'priority'), '+inf')
  for _, other in ipairs(above) do
    if field(other, 'status') == 'running' and field(other, 'model') == field(id, 'model')
       and waits(other) then
      return true
    end
  end
  return false
end

-- Those of the jobs that may send shards. One is held up while another that comes before it has more
-- ready shards than its window takes: that window keeps every worker busy.
local function not_outranked(ids)
  local free = {}
  for _, id in ipairs(ids) do
    if outranked(id, has_due) then
      redis.call('SADD', P .. 'outranked', id)
    else
      redis.call('SREM', P .. 'outranked', id)
      free[#free + 1] = id
    end
  end
  return free
end

-- Sends ready shards, one a job a turn, until each job's window is full.
local function fill(ids)
  local open = {}
  for _, id in ipairs(not_outranked(ids)) do
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
  redis.call('HINCRBY', key(id), 'images_kept', sign * (counted.kept or 0))
end

local function tick_images(tally)
  local counted = cjson.decode(tally)
  local left = counted.images - (counted.kept or 0)
  for code, images in pairs(counted.failures) do
    tick('images ' .. code, images)
    left = left - images
  end
  tick('images kept', counted.kept or 0)
  tick('images done', left)
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

-- Notes how many images of a job its workers have finished by now: see core/pace.py. The first note
-- is taken when some are finished, so that loading a detector does not count.
local function take_sample(id)
  local pace, images = key(id, 'pace'), number(id, 'images_done') - number(id, 'images_found')
  images = images - number(id, 'images_kept')
  for _, partial in ipairs(redis.call('HVALS', key(id, 'partial'))) do
    images = images + tonumber(partial)
  end
  local newest = redis.call('LINDEX', pace, -1)
  if newest then
    local at, before = string.match(newest, '^(%d+) (%-?%d+)$')
    if images < tonumber(before) then
      redis.call('DEL', pace) -- work was lost, and is done again
    elseif now - tonumber(at) < RULES.sample_ms then
      return
    end
  elseif images <= 0 then
    return
  end
  redis.call('RPUSH', pace, string.format('%.0f %.0f', now, images))
  while now - tonumber(string.match(redis.call('LINDEX', pace, 0), '^%d+')) > RULES.pace_ms do
    redis.call('LPOP', pace)
  end
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
  if number(id, 'priority') > 0 and not (field(id, 'status') == 'running' and has_due(id)) then
    -- It holds nobody up any more; the reaper would see that seconds later.
    fill(redis.call('SMEMBERS', P .. 'outranked'))
  end
  return reply(value)
end
