#!lua flags=allow-oom
-- release.lua: give a hold up unused, and refuse its id for a while: it may still be on its way here.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:h:<id>   KEYS[3] {org}:void:<id>
-- ARGV    id, seconds to refuse it
-- Reply   1 it was held and is given back, 0 there was nothing
local id, refuse_s = ARGV[1], count(ARGV[2])

redis.call('SET', KEYS[3], '1', 'EX', int(refuse_s))
local held = redis.call('HMGET', KEYS[2], 'draws', 'said', 'swept')
if not held[1] then return 0 end
give_back(id, held[1], held[2], {})
redis.call('DEL', KEYS[2])
if held[3] then -- swept, then taken again: the sweep's charge stands, and a final entry must still find it
  redis.call('HSET', KEYS[2], 'swept', held[3])
  redis.call('EXPIRE', KEYS[2], int(KEPT_S))
end
return 1
