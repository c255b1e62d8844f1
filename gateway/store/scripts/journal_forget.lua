-- Forgets what ERPs said long ago.
--
-- KEYS      see journal_orders.lua
-- ARGV[1]   how long it is remembered (milliseconds)
-- ARGV[2]   how many at most are forgotten
-- Returns   how many were

local last = redis.call('TIME')[1] * 1000 - tonumber(ARGV[1])
local refs = redis.call('ZRANGE', KEYS[2], '-inf', last, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, ref in ipairs(refs) do
  redis.call('HDEL', KEYS[1], ref)
  redis.call('ZREM', KEYS[2], ref)
end
return #refs
