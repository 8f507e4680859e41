#!lua flags=allow-oom
-- virtual.lua: many holds and settlements in one call, each at a time of its own, by the very scripts that calls run.
--
-- Loaded by virtual.py only, into an engine of its own. The two bodies are put in where their names stand.
-- ARGV    per move: what (h|s; t: a hold behind which all ends if it is refused), its now us, number of keys, number of arguments, then those
-- Reply   MessagePack of one value per move made: the reply of hold.lua; of a settlement 1, or 0 where nothing was held by its
--         id ("" is counted anyway)
--
-- What the bodies call ``redis`` knows the move's time, and lets nothing expire: in a virtual past it would be gone at once.
local server, now_us = redis, 0

local call = server.call

local function unexpiring(key, value, option, _, more)
  if (option and option ~= 'PX' and option ~= 'EX') or more then error('SET is not told like that here') end
  return call('SET', key, value)
end

local answers = {
  TIME = function()
    return {string.format('%d', math.floor(now_us / 1000000)), string.format('%d', now_us % 1000000)}
  end,
  SET = unexpiring,
}
for _, name in ipairs({'EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT', 'PERSIST'}) do
  answers[name] = function() return 1 end
end

local redis = setmetatable({call = function(command, ...)
  local answer = answers[command]
  if answer then return answer(...) end
  return call(command, ...)
end}, {__index = server})

local function hold(KEYS, ARGV)
--<hold>
end

local function settle(KEYS, ARGV)
--<settle>
end

-- A journal counts in order; here there is one for each org, and every settlement is its next entry.
local function settle_next(keys, arguments)
  local id, open = arguments[3], keys[1]
  if id ~= '' and server.call('EXISTS', string.sub(open, 1, -5) .. 'h:' .. id) == 0 then return 0 end
  local last = server.call('HGET', keys[2], arguments[1]) or 0
  arguments[2] = string.format('%d', last + 1)
  settle(keys, arguments)
  return 1
end

local replies, at = {}, 1
while at <= #ARGV do
  local what, keys, arguments = ARGV[at], {}, {}
  local wide, long = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  now_us = tonumber(ARGV[at + 1])
  for i = 1, wide do keys[i] = ARGV[at + 3 + i] end
  for i = 1, long do arguments[i] = ARGV[at + 3 + wide + i] end
  local reply = what == 's' and settle_next(keys, arguments) or hold(keys, arguments)
  replies[#replies + 1] = reply
  if what == 't' and reply[1] == 0 then break end -- its caller may want to hold something else
  at = at + 4 + wide + long
end
return cmsgpack.pack(replies)
