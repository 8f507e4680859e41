#!lua
-- usage.lua: what scopes did lately. Counts are added, ladders remembered, and both read, in this order.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:never; neither is touched, they hold the script back while a slot moves
-- ARGV    how many counts; additions: key, counts; ladders: key, dropped, since; scopes to read: key; ladders to read: key
-- Reply   for each scope its counts in the last hour and in the last day, then for each ladder since when (0: never)
--
-- A scope is one hash of buckets: "m<n>" of five minutes, "h<n>" of an hour, each the counts as one MessagePack array. A
-- count that older buckets do not have is 0 in them. A window is whole buckets and the one that has begun, so it reaches
-- back up to one bucket further than it is called. What is empty for longer than a day is forgotten.
local FINE_S, FINE, COARSE_S, COARSE, KEPT = 300, 12, 3600, 24, '93600'
local width = count(ARGV[1])
local adds, ladders, reads, asked = rows(ARGV[2], 1 + width), rows(ARGV[3], 3), rows(ARGV[4], 1), rows(ARGV[5], 1)
local fine, coarse = math.floor(now / 1000000 / FINE_S), math.floor(now / 1000000 / COARSE_S)

local function field(kind, n)
  return string.format('%s%d', kind, n)
end

local function prune(key)
  for _, name in ipairs(redis.call('HKEYS', key)) do
    local oldest = string.sub(name, 1, 1) == 'm' and fine - FINE or coarse - COARSE
    if tonumber(string.sub(name, 2)) < oldest then redis.call('HDEL', key, name) end
  end
end

local function add(key, name, at)
  local old = redis.call('HGET', key, name)
  local sums = old and cmsgpack.unpack(old) or {}
  for i = 1, width do sums[i] = (sums[i] or 0) + adds[at + i] end
  redis.call('HSET', key, name, cmsgpack.pack(sums))
  return old
end

local names, reply = {}, {}
for n = fine - FINE, fine do names[#names + 1] = field('m', n) end
for n = coarse - COARSE, coarse do names[#names + 1] = field('h', n) end

local function sum(buckets, first, last)
  local from = #reply
  for i = 1, width do reply[from + i] = 0 end
  for n = first, last do
    if buckets[n] then
      local counts = cmsgpack.unpack(buckets[n])
      for i = 1, width do reply[from + i] = reply[from + i] + (counts[i] or 0) end
    end
  end
end

for i = 1, #adds, 1 + width do
  local key = adds[i]
  add(key, field('h', coarse), i)
  if not add(key, field('m', fine), i) then prune(key) end
  redis.call('EXPIRE', key, KEPT)
end

for i = 1, #ladders, 3 do
  local key, dropped, since = ladders[i], ladders[i + 1], ladders[i + 2]
  if dropped > 0 and redis.call('GET', key) == int(dropped) then redis.call('DEL', key) end
  if since > 0 then redis.call('SET', key, int(since), 'NX', 'EX', KEPT) end
  if dropped == 0 and since == 0 then redis.call('EXPIRE', key, KEPT) end
end

for _, key in ipairs(reads) do
  local buckets = redis.call('HMGET', key, unpack(names))
  sum(buckets, 1, FINE + 1)
  sum(buckets, FINE + 2, #names)
end
for _, key in ipairs(asked) do
  reply[#reply + 1] = tonumber(redis.call('GET', key) or 0)
end
return reply
