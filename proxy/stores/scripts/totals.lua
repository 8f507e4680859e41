#!lua flags=allow-oom
-- totals.lua: a store that knows nothing of a journal takes over all it has spent, once, instead of every entry again.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:applied   KEYS[3] {org}:never
-- ARGV    journal, seq of its last entry, charges (per meter, summed over the journal), then entries: those that may have
--         a hold or a sweep here; their charges are part of the sums
-- Reply   {posted (0|1), applied, broken meters}
--
-- Sums and endings are one step: a sum without its tombstones would let a late final entry count twice.
local journal, seq, charges, entries = ARGV[1], count(ARGV[2]), rows(ARGV[3], 5), entries_from(4)

local applied = redis.call('HGET', KEYS[2], journal)
if applied then return {0, tonumber(applied), 0} end
charge(charges, 1)
for _, entry in ipairs(entries) do conclude(entry, false, true) end
redis.call('HSET', KEYS[2], journal, int(seq))
return {1, seq, broken}
