-- Gives confirmed orders of which nobody was told yet that they wait; each once, ever.
--
-- KEYS      see journal_volume.lua
-- ARGV[1]   before which moment they were confirmed
-- ARGV[2]   how many at most
-- Returns   {reservation, when it was confirmed, record, …}, oldest first
--
-- Atomic because of two that ask only one is given it.

local found = {}
local waiting = redis.call('ZRANGE', KEYS[8], '-inf', '(' .. ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(waiting) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('ZSCORE', KEYS[8], id)
  found[#found + 1] = redis.call('HGET', KEYS[1], id) or ''
  redis.call('ZREM', KEYS[8], id)
end
return found
