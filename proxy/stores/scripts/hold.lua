#!lua
-- hold.lua: admit one attempt against every meter at once, or touch none of them.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:h:<id>   KEYS[3] {org}:void:<id>
-- ARGV    id, lease ms, draws, facts, floor nUSD, whole (0|1)
-- Reply   {state, now us, then per draw: over (0|1), level before, wait us (-1 never);
--         then, where budgets were granted something, an array: number of the draw from 1, nUSD, and so on}
--
--   meter     state                        admit                                settle
--   budget    HASH s, r, g                 s + r + amount <= limit + g          r -= held, s += actual
--   rate      theoretical arrival time us  max(tat,now) + q*T <= now + limit*T  tat += (actual - held)*T
--   parallel  ZSET id -> lease ms          live leases < limit                  ZREM
--
-- Meter keys are named by the draws. All of them are read before the first write, so that a wrong type, a garbled
-- argument or a slot on its way elsewhere fails with nothing taken.
local REFUSED, ADMITTED, VOID, STALE = 0, 1, 2, 3

local id, lease_ms, draws = ARGV[1], count(ARGV[2]), rows(ARGV[3], 7)
local facts, floor, whole = ARGV[4], count(ARGV[5]), count(ARGV[6])

if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then
  local said = redis.call('HGET', KEYS[2], 'said')
  if not said then return {VOID, now} end -- given up, swept or settled: this id is over
  local again = cmsgpack.unpack(said)     -- our own resend: the same answer, nothing taken twice
  again[2] = now
  return again
end

local now_s = math.floor(now / 1000000)
local reply, seen, fresh, arrival, grants = {ADMITTED, now}, {}, {}, {}, {}
for i = 1, #draws, 7 do
  local key, code, amount, limit = draws[i], draws[i + 1], draws[i + 2], draws[i + 3]
  local kind, over, level, wait = code % 4, 0, 0, 0
  if seen[key] then error('one meter twice: ' .. key) end
  seen[key] = true
  if amount < 0 or limit < 0 then error('a negative draw') end
  if kind == BUDGET then
    local starts, ends = draws[i + 5], draws[i + 6]
    if ends > 0 and (now_s < starts or now_s >= ends) then return {STALE, now} end
    local v = redis.call('HMGET', key, 's', 'r', 'g')
    level = (v[1] or 0) + (v[2] or 0)
    if v[3] then
      limit = limit + v[3]
      grants[#grants + 1] = (i + 6) / 7
      grants[#grants + 1] = tonumber(v[3])
    end
    fresh[i] = not v[1] and not v[2]
    if level + amount > limit then
      over = 1
      wait = (ends > 0 and amount <= limit) and ends * 1000000 - now or -1
    end
  elseif kind == RATE then
    local interval = draws[i + 4]
    if interval < 1 then error('a rate without interval') end
    local tat = math.max(tonumber(redis.call('GET', key) or 0), now)
    arrival[i] = tat + amount * interval
    level = math.ceil((tat - now) / interval)
    if amount > limit then
      over, wait = 1, -1
    elseif arrival[i] > now + limit * interval then
      over, wait = 1, arrival[i] - now - limit * interval
    end
  elseif kind == PARALLEL then
    level = redis.call('ZCOUNT', key, '(' .. int(now_ms), '+inf')
    if level >= limit then
      over, wait = 1, limit > 0 and 1000000 or -1
    end
  else
    error('an unknown kind of meter')
  end
  if over == 1 and code >= 16 then reply[1] = REFUSED end
  reply[#reply + 1] = over
  reply[#reply + 1] = level
  reply[#reply + 1] = wait
end
if #grants > 0 then reply[#reply + 1] = grants end
if reply[1] == REFUSED then return reply end

local expiry = int(now_ms + lease_ms)
for i = 1, #draws, 7 do
  local key, kind, amount = draws[i], draws[i + 1] % 4, draws[i + 2]
  if kind == BUDGET then
    redis.call('HINCRBY', key, 'r', int(amount))
    if fresh[i] and draws[i + 6] > 0 then redis.call('EXPIREAT', key, int(draws[i + 6] + KEPT_S)) end
  elseif kind == PARALLEL then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now_ms))
    redis.call('ZADD', key, expiry, id)
  elseif reply[3 + (i - 1) / 7 * 3] == 0 and arrival[i] > now then -- a shadow rate that would refuse takes nothing
    redis.call('SET', key, int(arrival[i]), 'PX', int(math.ceil((arrival[i] - now) / 1000) + 1000))
  end
end
redis.call('HSET', KEYS[2], 'draws', ARGV[3], 'said', cmsgpack.pack(reply), 'facts', facts, 'floor', int(floor),
  'whole', int(whole))
redis.call('ZADD', KEYS[1], expiry, id)
return reply
