-- Puts up a fence in one slot of a cluster: writes of earlier terms are refused there.
--
-- KEYS[1]   the fence of the slot
-- ARGV[1]   the token of the term
-- Returns   1, or 0: there is that of a later term
--
-- Atomic because the fence must never fall: two may put theirs up at once.

local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and (tonumber(held) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
