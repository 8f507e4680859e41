#!lua flags=allow-oom
-- lookup.lua: find an answer; else lease the duty to find one, or learn who has it. A lease is an economy, not a lock.
--
-- KEYS[1], KEYS[2] generations   KEYS[3] entry   KEYS[4] lease   KEYS[5] permit   KEYS[6] the caller's mark
-- ARGV    kinds of entries ('': look at none), digest, most age ms (-1: any), marks (0|1), token ('': no lease), lease ms
-- Reply   {state, text, number, strange}: strange is 1 where an entry of another digest was found
--         1 hit: the entry, ms it has left         2 leads: the generation, and what there is: 0 nothing that was looked
--                                                    for, 1 an answer, to be refreshed, 2 one that is too old
--         3 leads without a lease: the generation    4 another leads: its token
--           and the permit; as 2                     5 nothing
--
-- An entry: version, kind, generation (16), ttl ms (4 bytes, big endian), digest (32), and what the client packed.
-- Who asks again within MARK_S of a hit is to have a fresh answer, once: the mark is 1 after the hit and 2 from then on.
-- A lease: the token, whose first WORKER characters name the process, the generation that it was taken under, and once
-- somebody found it held, when another process last did (all zeros: none has). One of another generation holds nobody up:
-- what its holder will say was asked before a flush. Whoever leads without a lease has the permit that all such leads of this
-- name share: what is deposited needs one or the other, and whoever deletes the answer takes both away.
local HIT, LEADS, APART, HELD, NOTHING, MARK_S, PERMIT_S, LONGEST_MS, WORKER = 1, 2, 3, 4, 5, 120, 3600, 60000, 12
local kinds, digest, most_age, marks, token = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1', ARGV[5]
local current, strange, there = generation(), 0, 0

local function good(value)
  if type(value) ~= 'string' or string.byte(value) ~= 1 or string.sub(value, 3, 18) ~= current then return nil end
  if not string.find(kinds, string.sub(value, 2, 2), 1, true) then return nil end
  if string.sub(value, 23, 54) ~= digest then
    strange = 1
    return nil
  end
  local left, a, b, c, d = redis.call('PTTL', KEYS[3]), string.byte(value, 19, 22)
  local ttl = ((a * 256 + b) * 256 + c) * 256 + d
  if left < 0 or left > ttl then return nil end
  if most_age >= 0 and ttl - left > most_age then
    there = 2
    return nil
  end
  return left
end

local function permit()
  local found = redis.pcall('GET', KEYS[5])
  if type(found) ~= 'string' or #found ~= #token then found = token end
  redis.call('SET', KEYS[5], found, 'EX', PERMIT_S)
  return found
end

if kinds ~= '' then
  local value = redis.pcall('GET', KEYS[3])
  local left = good(value)
  local mark = left and marks and redis.pcall('GET', KEYS[6])
  if mark == '1' then
    redis.call('SET', KEYS[6], '2', 'EX', MARK_S)
    there = 1
  elseif left then
    if mark == false and marks then redis.call('SET', KEYS[6], '1', 'EX', MARK_S) end
    return {HIT, value, left, 0}
  end
end

if token == '' then return {NOTHING, current, 0, strange} end
local lease, word = KEYS[4], table.concat({token, current})
local held = redis.pcall('SET', lease, word, 'NX', 'GET', 'PX', ARGV[6])
if not held then return {LEADS, current, there, strange} end
if type(held) == 'string' then
  if kinds == '' or there == 1 or held == '-' then return {APART, table.concat({current, permit()}), there, strange} end
  local left = redis.call('PTTL', lease)
  if left > 0 and left <= LONGEST_MS and string.sub(held, #token + 1, #word) == current then
    if string.sub(held, 1, WORKER) ~= string.sub(token, 1, WORKER) then
      redis.call('SETRANGE', lease, #word, digits(now))
    elseif #held == #word then
      redis.call('APPEND', lease, digits(0))
    end
    return {HELD, string.sub(held, 1, #token), 0, strange}
  end
end
redis.call('SET', lease, word, 'PX', ARGV[6]) -- what lies there is no lease of ours, or one from before a flush
return {LEADS, current, there, strange}
