-- The final record stands: merging -> completed, cancelled or failed, and what was only needed while
-- the job was live goes. ARGV: id, status, finished (ms), progress (JSON), reason ('' for none).
-- It needs no lease: it only says what final.json, which is written once, has settled.
local id, status, finished, progress, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if field(id, 'status') ~= 'merging' then
  -- Where a merge that came later had shards run again, the next merge finds the final record.
  return reply(false)
end
move(id, status)
tick('jobs ' .. status)
leave_live(id)
set(id, 'finished', finished, 'progress', progress, 'reason', reason)
drop_parts(id)
expire_ended(id)
return reply(true)
