#!lua flags=allow-oom
-- settle.lua: count the entries of one journal, in its order, each once, and end their holds.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:applied
-- ARGV    journal, then four per entry: seq, hold id ("" when nothing was held), swept (0|1), charges
-- Reply   {gap (0|1), applied (-1 unknown), broken meters}
--
-- Counters are a projection of journals: what is counted depends on the entry's number, never on whether its hold is
-- still there, so that any failover to an older copy is healed by sending the entries after `applied` again.
-- A sweep is an ordinary entry made by somebody else. It leaves a tombstone with its charge; the final entry takes that
-- charge back and leaves a tombstone of its own wherever a sweep may still be on its way.
local LATE_S = 3600    -- how long a final entry whose hold was lost is remembered

local journal, entries = ARGV[1], {}
for i = 2, #ARGV, 4 do
  local charges, actual = rows(ARGV[i + 3], 5), {}
  for c = 1, #charges, 5 do
    if charges[c + 1] == RATE then actual[charges[c]] = charges[c + 2] end
  end
  entries[#entries + 1] = {seq = count(ARGV[i]), id = ARGV[i + 1], swept = ARGV[i + 2] == '1', charges = charges,
    blob = ARGV[i + 3], actual = actual}
end

local function take_back(blob, actual)
  local charges = cmsgpack.unpack(blob)
  for c = 1, #charges, 5 do
    if charges[c + 1] == BUDGET then
      try(redis.call, 'HINCRBY', charges[c], 's', int(-charges[c + 2]))
    elseif charges[c + 1] == RATE then
      try(shift, charges[c], (actual[charges[c]] or 0) - charges[c + 2], charges[c + 3])
    end
  end
end

-- Counted or not, a sweep's entry leaves its charge where a final entry will look for it: after a flush, only this does.
local function sweep(entry, key, held, counts)
  local draws, swept, final = held[1], held[4], held[5]
  if draws then give_back(entry.id, draws, held[2], entry.actual) end
  if final and not draws then return end
  if counts and not swept then charge(entry.charges) end
  bury(key, 'swept', swept or entry.blob, KEPT_S)
end

local function finish(entry, key, held, counts)
  local draws, claimed, swept, final = held[1], held[3], held[4], held[5]
  if draws then give_back(entry.id, draws, held[2], entry.actual) end
  if counts then charge(entry.charges) end
  if swept then take_back(swept, entry.actual) end
  if swept or (draws and claimed) then
    bury(key, 'final', '1', KEPT_S)
  elseif draws then
    redis.call('DEL', key)
  elseif counts and not final then
    bury(key, 'final', '1', LATE_S)
  end
end

local applied = tonumber(redis.call('HGET', KEYS[2], journal) or nil)
local gap = 0
for _, entry in ipairs(entries) do
  if entry.seq > (applied or 0) + 1 then
    gap = 1
    break
  end
  local counts = entry.seq == (applied or 0) + 1
  if entry.id == '' then
    if counts then charge(entry.charges) end
  else
    local key = prefix .. 'h:' .. entry.id
    local held = redis.call('HMGET', key, 'draws', 'said', 'claimed', 'swept', 'final')
    local ending = entry.swept and sweep or finish
    ending(entry, key, held, counts)
  end
  if counts then
    applied = entry.seq
    redis.call('HSET', KEYS[2], journal, int(applied))
  end
end
return {gap, applied or -1, broken}
