-- Shared by the scripts of the cache: KEYS[1] is always the scope's generation, c:{<org>|<scope>}:g, a time in us of 16
-- digits. An entry carries the one it was stored under and counts only while that stands; so another generation empties a
-- scope at once, and what lies there of the old one ends with its TTL. One that is absent, evicted or not ours begins now:
-- whatever happens to it, answers are lost and never found again.
local GENERATION_S, EXACT = 172800, 9007199254740992 -- two days beyond the last entry; 2^53

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function begin(at)
  local name = string.format('%016.0f', at)
  redis.call('SET', KEYS[1], name, 'EX', GENERATION_S)
  return name
end

local function generation()
  local found = redis.pcall('GET', KEYS[1])
  if type(found) == 'string' and #found == 16 and not string.find(found, '%D') and tonumber(found) < EXACT then
    return found
  end
  return begin(now)
end
