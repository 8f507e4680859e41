#!lua flags=allow-oom
-- claim.lua: hand holds whose lease ran out to one sweeper, who must journal and settle them.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:never
-- ARGV    lease ms, claim ms, limit, the caller's idea of now us, tolerance us
-- Reply   {state, then one array per hold: id, draws, facts, floor, whole, so far}
--         state 0 swept, 1 not now: the engine is young, 2 not now: the clock is not where the caller thinks it is
--
-- A claim is a lease too: a second sweeper does not get the hold meanwhile, and a sweeper that dies loses it again.
local lease_ms, claim_ms, limit = count(ARGV[1]), count(ARGV[2]), count(ARGV[3])
local believed, tolerance = count(ARGV[4]), count(ARGV[5])

if math.abs(now - believed) > tolerance then return {2} end
local uptime_s = string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)')
if tonumber(uptime_s) * 1000 < lease_ms then return {1} end

-- Whether a row tells already of the attempt that asked for this hold after another.
local function given_up(id)
  local first = first_name(id)
  if first == id then return false end
  local told = redis.call('HMGET', prefix .. 'h:' .. first, 'swept', 'final')
  return told[1] or told[2]
end

-- No lease ends later than one lease from now unless the clock went back: such a one is cut.
local longest = now_ms + math.max(lease_ms, claim_ms)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. int(longest), '+inf', 'LIMIT', 0, limit)) do
  redis.call('ZADD', KEYS[1], int(longest), id)
end

local reply = {0}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now_ms), 'LIMIT', 0, limit)) do
  local key = prefix .. 'h:' .. id
  local held = redis.call('HMGET', key, 'draws', 'facts', 'floor', 'whole', 'so_far', 'said')
  if held[1] and given_up(id) then
    give_back(id, held[1], held[6], {})
    redis.call('DEL', key)
  elseif held[1] then
    redis.call('ZADD', KEYS[1], int(now_ms + claim_ms), id)
    redis.call('HSET', key, 'claimed', '1')
    reply[#reply + 1] = {id, held[1], held[2], held[3], held[4], held[5] or '0'}
  else
    redis.call('ZREM', KEYS[1], id) -- a name without a hold
  end
end
return reply
