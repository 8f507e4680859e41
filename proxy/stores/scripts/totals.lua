#!lua flags=allow-oom
-- totals.lua: a store that knows nothing of a journal takes over all it has spent, once, instead of every entry again.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:applied
-- ARGV    journal, seq of its last entry, charges (per meter, summed over the journal),
--         then two per swept entry that still stands in it: hold id, charges (they are part of the sums)
-- Reply   {posted (0|1), applied, broken meters}
--
-- A sweep's charge never stands without its tombstone: a final entry must find what to take back.
local journal, seq, charges, sweeps = ARGV[1], count(ARGV[2]), rows(ARGV[3], 5), {}
for i = 4, #ARGV, 2 do
  sweeps[#sweeps + 1] = {key = prefix .. 'h:' .. ARGV[i], charges = rows(ARGV[i + 1], 5), blob = ARGV[i + 1]}
end

local applied = redis.call('HGET', KEYS[2], journal)
if applied then return {0, tonumber(applied), 0} end
charge(charges)
for _, sweep in ipairs(sweeps) do
  local held = redis.call('HMGET', sweep.key, 'draws', 'swept', 'final')
  if held[2] or held[3] then -- somebody else's entry stands for this hold already
    for c = 1, #sweep.charges, 5 do sweep.charges[c + 2] = -sweep.charges[c + 2] end
    charge(sweep.charges)
  elseif held[1] then
    redis.call('HSET', sweep.key, 'swept', sweep.blob)
  else
    bury(sweep.key, 'swept', sweep.blob, KEPT_S)
  end
end
redis.call('HSET', KEYS[2], journal, int(seq))
return {1, seq, broken}
