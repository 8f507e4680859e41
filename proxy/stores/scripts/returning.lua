-- returning.lua: how a hold gives back what it took. Shared by release.lua, settle.lua and totals.lua, behind common.lua.
--
-- An attempt that gave a hold up because its answer was late takes another by the next name: "r:1", "r:1.1", "r:1.2". They
-- are one row in the journals, so they share one tombstone, which lies at the first name.
local broken = 0    -- meters that could not be written: foreign values under our keys

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

local function first_name(id)
  return string.find(id, '.', 1, true) and string.match(id, '^(.+)%.%d+$') or id
end
