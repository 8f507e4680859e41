#!lua flags=allow-oom
-- flush.lua: empty a scope, whatever is in it.
--
-- KEYS[1] generation
--
-- Never the generation that was, also where the clock went back; that one's entries end before its name can return.
begin(math.max(generation() + 1, now))
