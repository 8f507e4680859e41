#!lua flags=allow-oom
-- settle.lua: count the entries of one journal, in its order, each once, and end their holds.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:applied   KEYS[3] {org}:never
-- ARGV    journal, then entries
-- Reply   {gap (0|1), applied (-1 unknown), broken meters}
--
-- Counters are a projection of journals: what is counted depends on the entry's number, never on whether its hold is
-- still there, so that any failover to an older copy is healed by sending the entries after `applied` again.
local journal, entries = ARGV[1], entries_from(2)

local known = tonumber(redis.call('HGET', KEYS[2], journal) or nil)
local applied, gap, done, failure = known or 0, 0, true, nil
for _, entry in ipairs(entries) do
  if entry.seq > applied + 1 then
    gap = 1
    break
  end
  done, failure = pcall(conclude, entry, entry.seq == applied + 1, false)
  if not done then break end
  applied = math.max(applied, entry.seq)
end
if applied > 0 then redis.call('HSET', KEYS[2], journal, int(applied)) end -- also when an entry failed: what came before it counts
if not done then error(failure) end
return {gap, (known or applied > 0) and applied or -1, broken}
