-- Takes an answer back that was never given.
--
-- KEYS[1]   the key
-- ARGV[1]   the answer
-- Returns   1 it is gone, 0 it was not there
--
-- Atomic because another may have taken its place. One key, so one slot of a cluster.

if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
