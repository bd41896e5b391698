-- A page of a list of jobs, newest first. Only reads, and looks at a bounded number of jobs, however
-- few of them fit. ARGV: list, most jobs, the place where the page before ended (created in ms and
-- id; '' and '' for the first page), created at or after, and before (ms; '' for any), statuses
-- (' queued running ', '' for any), part of the name in lower case ('' for any).
-- Returns {ids, created, last}: the last two are the place of the last job that was looked at, and
-- are there while others follow.
local list, most, created, last = P .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local earliest, latest = tonumber(ARGV[5]), ARGV[6]
local statuses, part = ARGV[7], ARGV[8]

local function newer(than)
  return redis.call('ZCOUNT', list, than, '+inf')
end

local start = latest ~= '' and newer(latest) or 0
if created then
  -- From the first job of that millisecond on, for the last job itself may be gone by now.
  start = math.max(start, newer('(' .. ARGV[3]))
end

local function fits(id)
  local found = redis.call('HMGET', key(id), 'status', 'name')
  if not found[1] or (statuses ~= '' and not string.find(statuses, ' ' .. found[1] .. ' ', 1, true)) then
    return false
  end
  return part == '' or string.find(string.lower(found[2] or ''), part, 1, true) ~= nil
end

local ids, looked, place = {}, 0, {}
while true do
  local block = redis.call('ZREVRANGE', list, start, start + RULES.list_block - 1, 'WITHSCORES')
  for i = 1, #block, 2 do
    local id, at = block[i], tonumber(block[i + 1])
    if earliest and at < earliest then
      return reply({ids})
    end
    local seen = at == created and id >= last
    if not seen then
      if fits(id) then
        if #ids == most then
          return reply({ids, place[1], place[2]})
        end
        ids[#ids + 1] = id
      end
      place, looked = {at, id}, looked + 1
    end
  end
  if #block < 2 * RULES.list_block then
    return reply({ids})
  end
  if looked >= RULES.list_looks then
    return reply({ids, place[1], place[2]})
  end
  start = start + RULES.list_block
end
