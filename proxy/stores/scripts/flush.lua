#!lua flags=allow-oom
-- flush.lua: empty a scope, or a bucket with all its scopes, whatever is in them.
--
-- KEYS[1], KEYS[2] generations
-- ARGV    which of the two, channel, what is told there ('': nothing)
--
-- Never the generation that was, also where the clock went back; that one's entries end before its name can return.
local key = KEYS[tonumber(ARGV[1])]
begin(key, math.max(since(key) + 1, now))
if ARGV[3] ~= '' then redis.pcall('PUBLISH', ARGV[2], ARGV[3]) end
