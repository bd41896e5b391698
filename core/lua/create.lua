-- Makes a job known: '' -> queued. A job that is known already stays as it is, but is looked after
-- again while it has not ended. ARGV: id, then the fields of its hash.
local id = ARGV[1]
local status = field(id, 'status')
if status then
  if next(RULES.transitions[status]) then
    enter_live(id)
  end
  return reply(false)
end
-- What Redis still holds of a job that it half forgot would not fit the counts, which begin anew.
drop_parts(id)
set(id, 'status', 'queued', 'listing', 1, unpack(ARGV, 2))
tick('jobs accepted')
enter_lists(id)
enter_live(id)
send_control('plan_job', id)
return changed(id, true)
