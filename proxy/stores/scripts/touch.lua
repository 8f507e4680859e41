#!lua flags=allow-oom
-- touch.lua: keep a running call's leases alive, and say what an orphan would cost by now.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:h:<id>   KEYS[3] {org}:void:<id>
-- ARGV    id, lease ms, cost so far nUSD, draws, facts, floor nUSD, whole (0|1)
-- Reply   1 refreshed, 2 taken again (it had been swept or lost), 0 over for good
--
-- A hold taken again does not draw on its rates a second time, and counts as claimed: somebody may have swept the copy
-- that was lost, so its final entry must leave a tombstone.
local id, lease_ms, so_far, draws = ARGV[1], count(ARGV[2]), count(ARGV[3]), rows(ARGV[4], 7)
local facts, floor, whole = ARGV[5], count(ARGV[6]), count(ARGV[7])
local expiry = int(now_ms + lease_ms)

local held = redis.call('HMGET', KEYS[2], 'draws', 'final')
local live = held[1]
if not live and (held[2] or redis.call('EXISTS', KEYS[3]) == 1) then return 0 end

local said = {1, now}
for i = 1, #draws, 7 do
  local key, kind = draws[i], draws[i + 1] % 4
  if kind == PARALLEL then
    redis.call('ZADD', key, expiry, id)
  elseif kind == BUDGET and not live then
    local r = redis.call('HINCRBY', key, 'r', int(draws[i + 2]))
    if r == draws[i + 2] and draws[i + 6] > 0 then redis.call('EXPIREAT', key, int(draws[i + 6] + KEPT_S)) end
  end
  said[#said + 1] = kind == RATE and 1 or 0
  said[#said + 1] = 0
  said[#said + 1] = 0
end
if live and lapsed(id) then redis.call('HSET', KEYS[2], 'claimed', '1') end
if not live then
  redis.call('HSET', KEYS[2], 'draws', ARGV[4], 'said', cmsgpack.pack(said), 'facts', facts, 'floor', int(floor),
    'whole', int(whole), 'claimed', '1')
  redis.call('PERSIST', KEYS[2])
end
redis.call('HSET', KEYS[2], 'so_far', int(so_far))
redis.call('ZADD', KEYS[1], expiry, id)
return live and 1 or 2
