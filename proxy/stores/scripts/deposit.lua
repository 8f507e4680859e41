#!lua
-- deposit.lua: store an answer, end the lease and tell who waits.
--
-- KEYS[1] generation   KEYS[2] entry   KEYS[3] lease
-- ARGV    version and kind, generation ('': the one that stands), the rest of the entry, ttl ms, token, channel, what is told there
-- Reply   1 stored, 0 the scope was flushed since the answer was asked for
local current = generation()
local kept = ARGV[2] == '' or ARGV[2] == current
if kept then
  redis.call('SET', KEYS[2], table.concat({ARGV[1], current, ARGV[3]}), 'PX', ARGV[4])
  local needs = math.ceil(ARGV[4] / 1000) + GENERATION_S / 2
  if redis.call('TTL', KEYS[1]) < needs then redis.call('EXPIRE', KEYS[1], needs + GENERATION_S / 2) end
end
unlock(KEYS[3], ARGV[5], 0, ARGV[6], ARGV[7])
return kept and 1 or 0
