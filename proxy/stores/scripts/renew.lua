#!lua flags=allow-oom
-- renew.lua: make a lease last, and take it again where it was evicted or ran out and nobody else has it.
--
-- KEYS[1] lease
-- ARGV    token, lease ms
-- Reply   1 somebody in another process waits
local token = ARGV[1]
local holder = redis.pcall('GET', KEYS[1])
if not holder then
  redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
elseif type(holder) == 'string' and string.sub(holder, 1, #token) == token then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return #holder > #token and 1 or 0
end
return 0
