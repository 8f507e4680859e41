-- common.lua: what the scripts share. It is put in front of each of them when they are loaded (see scripts.py).
--
-- A draw is seven values in a row: key, code, amount, limit, interval us, period start s, period end s,
-- where code = kind + 4 * unit + 16 * enforce. A charge is five: key, kind, amount, interval us, period end s.
-- Both travel as one flat MessagePack array: a quarter of the cost of arguments one by one, and exact.
--
-- Numbers go back to commands as %d strings only. tostring() keeps 14 digits, and Redis 7.0 refuses "-0".
local BUDGET, RATE, PARALLEL = 0, 1, 2
local EXACT = 9007199254740992    -- 2^53: the largest whole number a script can count to
local KEPT_S = 3024000            -- spent periods and tombstones stay for 35 days: late settlements, reports

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local now_ms = math.floor(now / 1000)
local prefix = string.sub(KEYS[1], 1, -5)    -- "{org}:" of "{org}:open"; every key of an org starts with it
local broken = 0                             -- meters that could not be written: foreign values under our keys

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
      if type(n) ~= 'number' or n % 1 ~= 0 or n > EXACT or n < -EXACT then error('not a whole number') end
    end
  end
  return flat
end

-- One meter that holds a foreign value must not stop a settlement half way: it is skipped and reported.
local function try(...)
  if not pcall(...) then broken = broken + 1 end
end

local function shift(key, units, interval)
  if units == 0 then return end
  local tat = tonumber(redis.call('GET', key) or 0)
  if tat <= now and units < 0 then return end -- already drained: nothing to give back
  local to = math.min(math.max(tat, now) + units * interval, EXACT)
  if to > now then
    redis.call('SET', key, int(to), 'PX', int(math.ceil((to - now) / 1000) + 1000))
  else
    redis.call('DEL', key)
  end
end

-- Adds to what a budget has spent. A key made here outlives its period like any other.
local function spend(key, amount, period_end)
  local s = redis.call('HINCRBY', key, 's', int(amount))
  if s == amount and period_end > 0 then redis.call('EXPIREAT', key, int(period_end + KEPT_S)) end
end

-- Whether a live hold's lease has run out: then it may have been swept, if only in a copy of the store that was lost.
local function lapsed(id)
  local expiry = redis.call('ZSCORE', KEYS[1], id)
  return not expiry or tonumber(expiry) <= now_ms
end

-- Ends what a hold took. `actual` has the final amounts of its rates by key; what it does not name becomes 0.
local function give_back(id, draws, said, actual)
  draws, said = cmsgpack.unpack(draws), cmsgpack.unpack(said)
  for i = 1, #draws, 7 do
    local key, kind, amount = draws[i], draws[i + 1] % 4, draws[i + 2]
    if kind == BUDGET then
      try(redis.call, 'HINCRBY', key, 'r', int(-amount))
    elseif kind == PARALLEL then
      try(redis.call, 'ZREM', key, id)
    elseif said[3 + (i - 1) / 7 * 3] == 0 then -- a rate that was over took nothing
      try(shift, key, (actual[key] or 0) - amount, draws[i + 4])
    end
  end
  redis.call('ZREM', KEYS[1], id)
end
