-- What a caller has going on. ARGV: caller. Returns {live jobs, images that those have to go}.
local ids, images = redis.call('ZRANGE', P .. 'live:' .. ARGV[1], 0, -1), 0
for _, id in ipairs(ids) do
  images = images + math.max(0, number(id, 'images') - number(id, 'images_done'))
end
return reply({#ids, images})
