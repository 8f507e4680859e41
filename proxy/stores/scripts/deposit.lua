#!lua
-- deposit.lua: store an answer, end the lease and tell who waits.
--
-- KEYS[1], KEYS[2] generations   KEYS[3] entry   KEYS[4] lease   KEYS[5] permit
-- ARGV    version and kind, generation ('': the one that stands), the rest of the entry, ttl ms, token, permit, channel, what
--         is told there
-- Reply   1 stored, 0 the scope was flushed or the answer deleted since it was asked for, or its lease was lost
--
-- What was asked for before a flush or a deletion is not stored after it: the generation must be the same, and the lease or
-- permit must still be there. It is not enough that nobody left word of a deletion, for the cache may evict such a word.
local current, token = generation(), ARGV[5]
local kept = ARGV[2] == '' or (ARGV[2] == current and (holds(KEYS[4], token) or holds(KEYS[5], ARGV[6])))
if kept then
  redis.call('SET', KEYS[3], table.concat({ARGV[1], current, ARGV[3]}), 'PX', ARGV[4])
  local needs = math.ceil(ARGV[4] / 1000) + GENERATION_S / 2
  for n = 1, 2 do
    if redis.call('TTL', KEYS[n]) < needs then redis.call('EXPIRE', KEYS[n], needs + GENERATION_S / 2) end
  end
end
unlock(KEYS[4], token, 0, ARGV[7], ARGV[8])
return kept and 1 or 0
