-- Leases a unit of work to a worker. ARGV: id, unit, token, exclusive ('1' for a worker that has one
-- child, so that whatever else it holds was lost). A token is 'worker/process id-random'.
-- Returns {errors, outages, losses, deaths, suspects, cancelled, reason} or {refused}.
local id, unit, token, exclusive = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local worker = string.match(token, '^[^/]+')

local function refuse(why)
  return changed(id, {refused = why})
end

if redis.call('EXISTS', key(id)) == 0 then
  return reply({refused = 'unknown'})
end

if exclusive then
  -- One worker, one child: a child that claims anew proves that the one before it died.
  local held = redis.call('HGET', P .. 'holding', worker)
  if held then
    local before = cjson.decode(held)
    if redis.call('HGET', key(before[1], 'owners'), before[2]) == before[3] then
      lose(before[1], before[2], true)
      advance(before[1])
    end
  end
end

local status, sent = field(id, 'status'), nil
if unit == 'plan' then
  if (status ~= 'queued' and status ~= 'running') or number(id, 'listing') == 0
     or number(id, 'stopping') == 1 then
    return refuse(status)
  end
elseif unit == 'merge' then
  if status ~= 'merging' then
    return refuse(status)
  end
else
  sent = tonumber(redis.call('ZSCORE', key(id, 'sent'), unit))
  local claimed = tonumber(redis.call('HGET', P .. 'claimed', field(id, 'model'))) or 0
  if sent and sent > claimed then
    -- Whatever was sent much earlier on this queue and was not claimed is lost: see reap.lua.
    redis.call('HSET', P .. 'claimed', field(id, 'model'), sent)
  end
  redis.call('ZREM', key(id, 'sent'), unit)
  if is_done(id, unit) then
    return refuse('done')
  end
  if beyond_plan(id, unit) then
    return refuse('unknown')
  end
  if status ~= 'running' or number(id, 'stopping') == 1 then
    return refuse(status)
  end
  local due = tonumber(redis.call('ZSCORE', key(id, 'ready'), unit))
  if due and due > now then
    return refuse('not_due')
  end
end

local expiry = tonumber(redis.call('ZSCORE', key(id, 'leases'), unit))
if expiry and expiry > now then
  return refuse('leased')
end
-- A message that stands before those of a job that comes first goes behind them. One that was sent
-- after them does not, so that nobody waits for a message that is lost.
if sent and outranked(id, function(other)
  return redis.call('ZCOUNT', key(other, 'sent'), '(' .. sent, '+inf') > 0
end) then
  make_ready(id, unit, now)
  return refuse('outranked')
end
if expiry then
  lose(id, unit)
end
take_lease(id, unit, token)
if exclusive then
  redis.call('HSET', P .. 'holding', worker, cjson.encode({id, unit, token}))
end
local function counted(what)
  return tonumber(redis.call('HGET', key(id, what), unit)) or 0
end
return changed(id, {
  errors = counted('errors'),
  outages = counted('outages'),
  losses = counted('losses'),
  deaths = counted('deaths'),
  suspects = cjson.decode(redis.call('HGET', key(id, 'suspects'), unit) or '{}'),
  cancelled = number(id, 'cancelled') == 1,
  reason = field(id, 'reason') or '',
})
