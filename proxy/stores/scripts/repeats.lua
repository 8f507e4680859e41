#!lua
-- repeats.lua: which calls ask what their team had asked before, and what that cost.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:never; neither is touched, they hold the script back while a slot moves
-- ARGV    seconds that a print is remembered, seconds within which it is a loop; places: key of the team's prints, key of
--         its day; items: place, unix seconds, calls, tokens, nano-dollars, tokens and nano-dollars of the first call, how
--         many prints the team has of it (1 or 3, 0: nobody looked), how many there are; all prints, 8 bytes each
-- Reply   for each item likeness + 4 * asker + 16 * bits of the prints that were known; then for each place the tokens of
--         calls that were looked at, and those of exact and near repeats
--
-- The calls of an item are the same person's and the same to the last character: all but the first repeat it.
-- A team's prints are one hash of buckets, each a text of records, last seen last: 8 bytes of print, 4 of unix seconds. So
-- a print takes 16 bytes where a sorted set takes 115, a full bucket drops what was seen longest ago, and a team has at most
-- 4096 * 64 prints, in 3.4 MB.
local SIZE, MOST = 12, 64
local LIKE, WHO = { 'exact', 'near', 'template' }, { 'loop', 'same', 'others' }
local window, loop = count(ARGV[1]), count(ARGV[2])
local places, items, prints, at_print = cmsgpack.unpack(ARGV[3]), cmsgpack.unpack(ARGV[4]), ARGV[5], 1
local second = math.floor(now / 1000000)
local oldest = second - window

for _, key in ipairs(places) do
  if type(key) ~= 'string' or string.sub(key, 1, #prefix) ~= prefix then error('a key of another org') end
end

local function time_of(bucket, from)
  local a, b, c, d = string.byte(bucket, from + 8, from + 11)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local function bytes_of(at)
  local c = math.floor(at / 256)
  local b = math.floor(c / 256)
  return string.char(math.floor(b / 256) % 256, b % 256, c % 256, at % 256)
end

local function find(bucket, print)
  local from = string.find(bucket, print, 1, true)
  while from and from % SIZE ~= 1 do from = string.find(bucket, print, from + 1, true) end
  return from
end

-- When a print was last seen within the window, or nothing; from now on it was seen at this second.
local function last_seen(key, print, at)
  local high, low = string.byte(print, 1, 2)
  local name = string.char(high, low - low % 16)    -- 12 bits
  local bucket = redis.call('HGET', key, name) or ''
  local from, last = find(bucket, print), nil
  if from then
    last = time_of(bucket, from)
    bucket = table.concat({ string.sub(bucket, 1, from - 1), string.sub(bucket, from + SIZE) })
  end
  local first = #bucket >= SIZE * MOST and SIZE + 1 or 1
  while first < #bucket and time_of(bucket, first) < oldest do first = first + SIZE end
  local since = last and math.max(last, at) or at
  redis.call('HSET', key, name, table.concat({ string.sub(bucket, first), print, bytes_of(since) }))
  if last and last >= oldest then return last end
end

local sums, reply, touched = {}, {}, {}

local function kind(like, who)
  return table.concat({ LIKE[like], WHO[who] }, ':')
end

local function add(place, name, calls, tokens, nusd)
  local day = sums[place]
  if not day then
    day = {}
    sums[place] = day
  end
  for what, n in pairs({ calls = calls, tokens = tokens, nusd = nusd }) do
    local field = table.concat({ name, what }, ':')
    day[field] = (day[field] or 0) + n
  end
end

local function asker_of(team, own, at)
  if not own then return 3 end
  if math.abs(at - own) <= loop then return 1 end
  return team <= own and 2 or 3
end

local function look(place, at, kinds, many)
  local key, last, bits, like = places[2 * place - 1], {}, 0, 0
  for n = 1, many do
    last[n] = last_seen(key, string.sub(prints, at_print, at_print + 7), at)
    at_print = at_print + 8
    if last[n] then
      bits = bits + 2 ^ (n - 1)
      if like == 0 and n <= kinds then like = n end
    end
  end
  touched[key] = true
  return like, like > 0 and asker_of(last[like], last[kinds + like], at) or 0, bits
end

for i = 1, #items, 9 do
  local place, at, calls, tokens, nusd = items[i], math.min(items[i + 1], second), items[i + 2], items[i + 3], items[i + 4]
  local tokens_1, nusd_1, kinds, many = items[i + 5], items[i + 6], items[i + 7], items[i + 8]
  local like, who, bits = 0, 0, 0
  add(place, 'all', calls, tokens, nusd)
  if kinds == 0 then
    add(place, 'unread', calls, tokens, nusd)
  else
    like, who, bits = look(place, at, kinds, many)
    if kinds == 1 then add(place, 'brief', calls, tokens, nusd) end
    if like > 0 then add(place, kind(like, who), 1, tokens_1, nusd_1) end
    if calls > 1 then add(place, 'exact:loop', calls - 1, tokens - tokens_1, nusd - nusd_1) end
  end
  reply[#reply + 1] = like + 4 * who + 16 * bits
end

for key in pairs(touched) do redis.call('EXPIRE', key, window + 3600) end
for place = 1, #places / 2 do
  local day = places[2 * place]
  for field, n in pairs(sums[place] or {}) do
    if n ~= 0 then redis.call('HINCRBY', day, field, int(n)) end
  end
  redis.call('EXPIRE', day, KEPT_S)
  local all = redis.call('HMGET', day, 'all:tokens', 'unread:tokens')
  local repeated = 0
  for like = 1, 2 do
    for who = 1, 3 do
      repeated = repeated + tonumber(redis.call('HGET', day, table.concat({ kind(like, who), 'tokens' }, ':')) or 0)
    end
  end
  reply[#reply + 1] = tonumber(all[1] or 0) - tonumber(all[2] or 0)
  reply[#reply + 1] = repeated
end
return reply
