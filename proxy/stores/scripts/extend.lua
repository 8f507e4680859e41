#!lua flags=allow-oom
-- extend.lua: hold more for a call that has outgrown what was held for it, on every meter or on none.
--
-- KEYS[1] {org}:open   KEYS[2] {org}:h:<id>   KEYS[3] {org}:void:<id>
-- ARGV    id, draws
-- Reply   0 held, -1 there is no such hold (any more), n: the draw, from 1, that has no room; then nothing changed
--
-- The draws are the hold's own with the amounts that they shall come to, so that what is asked for twice is taken once.
-- Marked as enforced are those that must have room; what others lack is taken all the same, for it is being spent. The
-- hold's record says what it comes to, and whoever ends the hold gives that back.
local wanted = rows(ARGV[2], 7)

local held = redis.call('HMGET', KEYS[2], 'draws', 'said')
if not held[1] then return -1 end

local draws, said = cmsgpack.unpack(held[1]), cmsgpack.unpack(held[2])
if #draws ~= #wanted then error('other draws than the hold has') end
local more, arrival = {}, {}
for i = 1, #draws, 7 do
  local key, kind, code, limit = draws[i], draws[i + 1] % 4, wanted[i + 1], wanted[i + 3]
  if wanted[i] ~= key or code % 4 ~= kind then error('other draws than the hold has') end
  local amount, over = wanted[i + 2] - draws[i + 2], false
  if amount > 0 and kind == BUDGET then
    local v = redis.call('HMGET', key, 's', 'r', 'g')
    more[i] = amount
    over = (v[1] or 0) + (v[2] or 0) + amount > limit + (v[3] or 0)
  elseif amount > 0 and kind == RATE and said[3 + (i - 1) / 7 * 3] == 0 then -- a rate that was over took nothing
    local interval = draws[i + 4]
    local tat = math.max(tonumber(redis.call('GET', key) or 0), now)
    more[i], arrival[i] = amount, math.min(tat + amount * interval, EXACT)
    over = arrival[i] > now + limit * interval
  end
  if over and code >= 16 then return (i + 6) / 7 end
end

for i = 1, #draws, 7 do
  if arrival[i] then
    redis.call('SET', draws[i], int(arrival[i]), 'PX', int(math.ceil((arrival[i] - now) / 1000) + 1000))
  elseif more[i] then
    local r = redis.call('HINCRBY', draws[i], 'r', int(more[i]))
    if r == more[i] and draws[i + 6] > 0 then redis.call('EXPIREAT', draws[i], int(draws[i + 6] + KEPT_S)) end
  end
  draws[i + 2] = draws[i + 2] + (more[i] or 0)
end
redis.call('HSET', KEYS[2], 'draws', cmsgpack.pack(draws))
return 0
