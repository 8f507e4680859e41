-- endings.lua: how a journal's entry ends a hold. Shared by settle.lua and totals.lua, behind returning.lua.
--
-- An entry is four arguments: seq, hold id ("" when nothing was held), swept (0|1), charges.
-- A sweep is an ordinary entry made by somebody else. It leaves a tombstone with its charge; the final entry takes that
-- charge back and leaves a tombstone of its own wherever a sweep may still be on its way.
local LATE_S = 3600    -- how long a final entry whose hold was lost is remembered

local function entries_from(first)
  local entries = {}
  for i = first, #ARGV, 4 do
    local charges, actual = rows(ARGV[i + 3], 5), {}
    for c = 1, #charges, 5 do
      if charges[c + 1] == RATE then actual[charges[c]] = charges[c + 2] end
    end
    entries[#entries + 1] = {seq = count(ARGV[i]), id = ARGV[i + 1], swept = ARGV[i + 2] == '1', charges = charges,
      blob = ARGV[i + 3], actual = actual}
  end
  return entries
end

-- Adds to what a budget has spent. A key made here outlives its period like any other.
local function spend(key, amount, period_end)
  local s = redis.call('HINCRBY', key, 's', int(amount))
  if s == amount and period_end > 0 then redis.call('EXPIREAT', key, int(period_end + KEPT_S)) end
end

-- Adds to what people gave on top of a budget's limit. It ends with the budget's period, also where nothing is spent.
local function top_up(key, amount, period_end)
  redis.call('HINCRBY', key, 'g', int(amount))
  if period_end > 0 then redis.call('EXPIREAT', key, int(period_end + KEPT_S)) end
end

local function charge(charges, sign)
  for c = 1, #charges, 5 do
    if charges[c + 1] == BUDGET then
      try(spend, charges[c], sign * charges[c + 2], charges[c + 4])
    elseif charges[c + 1] == GRANT then
      try(top_up, charges[c], sign * charges[c + 2], charges[c + 4])
    end
  end
end

local function take_back(blob, actual)
  local charges = cmsgpack.unpack(blob)
  charge(charges, -1)
  for c = 1, #charges, 5 do
    if charges[c + 1] == RATE then
      try(shift, charges[c], (actual[charges[c]] or 0) - charges[c + 2], charges[c + 3])
    end
  end
end

local function bury(key, field, value, ttl_s)
  redis.call('DEL', key)
  redis.call('HSET', key, field, value)
  redis.call('EXPIRE', key, int(ttl_s))
end

-- A sweep leaves its charge where a final entry will look for it. One whose number was counted before and that left nothing
-- is an old reading: its row had been replaced by then, and what was counted under its number was neutral.
local function sweep(entry, key, grave, held, counts, in_sums)
  local draws, swept, final = held[1], held[4], held[5]
  if draws then give_back(entry.id, draws, held[2], entry.actual) end
  local stands = swept or final -- another entry is charged for this attempt
  if counts and not stands then charge(entry.charges, 1) end
  if in_sums and stands then charge(entry.charges, -1) end
  if draws then redis.call('DEL', key) end
  if not final and (swept or counts or in_sums) then bury(grave, 'swept', swept or entry.blob, KEPT_S) end
end

local function finish(entry, key, grave, held, counts)
  local draws, swept, final = held[1], held[4], held[5]
  local claimed = draws and (held[3] or lapsed(entry.id))
  if draws then give_back(entry.id, draws, held[2], entry.actual) end
  if counts then charge(entry.charges, 1) end
  if swept then take_back(swept, grave == key and entry.actual or {}) end
  if draws then redis.call('DEL', key) end
  if swept or claimed or grave ~= key then -- of the holds that were given up, one may be claimed
    bury(grave, 'final', '1', KEPT_S)
  elseif counts and not draws and not final then
    bury(grave, 'final', '1', LATE_S)
  end
end

-- Ends the hold of an entry, and the first one of its attempt. `counts`: its charges are not counted yet; `in_sums`: they
-- were part of sums just now.
local function conclude(entry, counts, in_sums)
  if entry.id == '' then
    if counts then charge(entry.charges, 1) end
    return
  end
  local first = first_name(entry.id)
  local key = prefix .. 'h:' .. entry.id
  local grave = first == entry.id and key or prefix .. 'h:' .. first
  local held = redis.call('HMGET', key, 'draws', 'said', 'claimed', 'swept', 'final')
  if grave ~= key then
    local given_up = redis.call('HMGET', grave, 'draws', 'said', 'swept', 'final')
    if given_up[1] then give_back(first, given_up[1], given_up[2], {}) end
    held[4], held[5] = given_up[3], given_up[4]
  end
  if entry.swept then
    sweep(entry, key, grave, held, counts, in_sums)
  else
    finish(entry, key, grave, held, counts)
  end
end
