#!lua flags=allow-oom
-- forget.lua: delete an answer by its name, and see that none is stored that was asked for before this.
--
-- KEYS[1] entry   KEYS[2] lease   KEYS[3] permit
-- Reply   how many of them there were
--
-- Who waits for the holder of the lease sees that it is gone, and looks anew. Word that nobody is to wait may stay.
if redis.pcall('GET', KEYS[2]) == '-' then return redis.call('UNLINK', KEYS[1], KEYS[3]) end
return redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
