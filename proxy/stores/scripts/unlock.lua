-- Shared by the scripts that end a lease; lookup.lua says what its value is. Only where somebody found it held is anybody
-- told. ms > 0 leaves word for so long that there is nothing to wait for.
local function holds(key, token)
  local holder = redis.pcall('GET', key)
  return token ~= '' and type(holder) == 'string' and string.sub(holder, 1, #token) == token and holder
end

local function unlock(key, token, ms, channel, told)
  local holder = holds(key, token)
  if not holder then return end
  if ms > 0 then redis.call('SET', key, '-', 'PX', ms) else redis.call('DEL', key) end
  if #holder > #token + 16 then redis.pcall('PUBLISH', channel, told) end
end
