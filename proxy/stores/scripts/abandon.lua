#!lua flags=allow-oom
-- abandon.lua: end a lease without an answer, and tell who waits.
--
-- KEYS[1] lease
-- ARGV    token, ms for which nobody is to wait for another, channel, what is told there
unlock(KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4])
