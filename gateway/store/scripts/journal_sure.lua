-- An order is no longer unsure, unless something was said or noted since; and forgets reservations
-- that can never be its own.
--
-- KEYS      see journal_orders.lua
-- ARGV[1]   the order_ref
-- ARGV[2]   the number under which it was found unsure; empty: leave that as it is
-- ARGV[3…]  members of KEYS[3] that are forgotten
-- Returns   1

local number = redis.call('ZSCORE', KEYS[4], ARGV[1])
if number and ARGV[2] ~= '' and tonumber(number) == tonumber(ARGV[2]) then
  redis.call('ZREM', KEYS[4], ARGV[1])
end
for i = 3, #ARGV do redis.call('ZREM', KEYS[3], ARGV[i]) end
return 1
