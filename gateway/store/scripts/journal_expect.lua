-- Notes that a reservation becomes an order, before and once more after it is written down.
--
-- KEYS      see journal_orders.lua
-- ARGV[1]   the order_ref
-- ARGV[2]   the member of KEYS[3]
-- Returns   the ERP's word on the order, if it is known
--
-- May run out of memory's bounds: the order's units are promised.

redis.call('ZADD', KEYS[3], 0, ARGV[2])
unsure(ARGV[1])
return redis.call('HGET', KEYS[1], ARGV[1])
