#!lua flags=allow-oom
-- renew.lua: make a lease last, while it is there: one that is not was deleted, or others may have been told so.
--
-- KEYS[1] lease
-- ARGV    token, lease ms, ms within which whoever waits looks again
-- Reply   1 somebody in another process waits
local token = ARGV[1]
local holder = holds(KEYS[1], token)
if not holder then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local clock = redis.call('TIME')
local asked_us = tonumber(string.sub(holder, #token + 17)) or 0
return clock[1] * 1000000 + clock[2] - asked_us < ARGV[3] * 1000 and 1 or 0
