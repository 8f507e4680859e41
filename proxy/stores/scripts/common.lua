-- common.lua: what the scripts share. It is put in front of each of them when they are loaded (see scripts.py).
--
-- A draw is seven values in a row: key, code, amount, limit, interval us, period start s, period end s,
-- where code = kind + 4 * unit + 16 * enforce. A charge is five: key, kind, amount, interval us, period end s.
-- Both travel as one flat MessagePack array: a quarter of the cost of arguments one by one, and exact.
--
-- Keys that only the rows name lie in the slot of those that are declared. {org}:never does not exist: a script that names
-- it, or a hold that is new, is refused by the engine while that slot is on its way to another node, before its first line.
--
-- Numbers go back to commands as %d strings only. tostring() keeps 14 digits, and Redis 7.0 refuses "-0".
local BUDGET, RATE, PARALLEL, GRANT = 0, 1, 2, 3    -- a grant is charged and never drawn
local EXACT = 9007199254740992    -- 2^53: the largest whole number a script can count to
local KEPT_S = 3024000            -- spent periods and tombstones stay for 35 days: late settlements, reports

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local now_ms = math.floor(now / 1000)
local prefix = string.sub(KEYS[1], 1, -5)    -- "{org}:" of "{org}:open"; every key of an org starts with it

local function int(n)
  return string.format('%d', n)
end

local function count(text)
  local n = tonumber(text)
  if not n or n % 1 ~= 0 or n < 0 or n > EXACT then error('not a count: ' .. tostring(text)) end
  return n
end

local function rows(blob, width)
  local flat = cmsgpack.unpack(blob)
  if type(flat) ~= 'table' or #flat % width ~= 0 then error('not rows of ' .. width) end
  for i = 1, #flat, width do
    if type(flat[i]) ~= 'string' or string.sub(flat[i], 1, #prefix) ~= prefix then error('a key of another org') end
    for j = i + 1, i + width - 1 do
      local n = flat[j]
      if n % 1 ~= 0 or n > EXACT or n < -EXACT then error('not a whole number') end -- a text fails to compare
    end
  end
  return flat
end

-- Whether a live hold's lease has run out: then it may have been swept, if only in a copy of the store that was lost.
local function lapsed(id)
  local expiry = redis.call('ZSCORE', KEYS[1], id)
  return not expiry or tonumber(expiry) <= now_ms
end
