-- Shared by the scripts that end a lease. Its value is the holder's token, and a "+" once somebody else found it held:
-- only then is anybody told. ms > 0 leaves word for so long that there is nothing to wait for.
local function unlock(key, token, ms, channel, told)
  local holder = redis.pcall('GET', key)
  if token == '' or type(holder) ~= 'string' or string.sub(holder, 1, #token) ~= token then return end
  if ms > 0 then redis.call('SET', key, '-', 'PX', ms) else redis.call('DEL', key) end
  if #holder > #token then redis.pcall('PUBLISH', channel, told) end
end
