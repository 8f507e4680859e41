-- Shared by the scripts of the cache, whose first keys are two generations, times in us of 16 digits: KEYS[1] that of a
-- bucket, in which many scopes of an org lie, KEYS[2] that of one scope. What an entry carries and what counts is their sum:
-- each of them only grows, so it stands only while both do, and another one empties a bucket or a scope at once. What lies
-- there of the old one ends with its TTL. One that is absent, evicted or not ours begins now: whatever happens to it, answers
-- are lost and never found again.
local GENERATION_S, MOST = 172800, 4503599627370496 -- two days beyond the last entry; 2^52, half of what a sum may be

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function digits(number)
  return string.format('%016.0f', number)
end

local function begin(key, at)
  redis.call('SET', key, digits(at), 'EX', GENERATION_S)
  return at
end

local function since(key)
  local found = redis.pcall('GET', key)
  local at = type(found) == 'string' and #found == 16 and not string.find(found, '%D') and tonumber(found)
  return at and at < MOST and at or begin(key, now)
end

local function generation()
  return digits(since(KEYS[1]) + since(KEYS[2]))
end
