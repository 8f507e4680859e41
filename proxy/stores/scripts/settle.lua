#!lua flags=allow-oom
-- settle.lua: count the entries of one journal, in its order, each once, and end their holds.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:applied
-- ARGV    journal, then entries
-- Reply   {gap (0|1), applied (-1 unknown), broken meters}
--
-- Counters are a projection of journals: what is counted depends on the entry's number, never on whether its hold is
-- still there, so that any failover to an older copy is healed by sending the entries after `applied` again.
local journal, entries = ARGV[1], entries_from(2)

local applied, gap = tonumber(redis.call('HGET', KEYS[2], journal) or nil), 0
for _, entry in ipairs(entries) do
  local next_seq = (applied or 0) + 1
  if entry.seq > next_seq then
    gap = 1
    break
  end
  conclude(entry, entry.seq == next_seq, false)
  if entry.seq == next_seq then
    applied = next_seq
    redis.call('HSET', KEYS[2], journal, int(applied))
  end
end
return {gap, applied or -1, broken}
