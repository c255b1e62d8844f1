-- What all scripts of the journal's orders begin with: the orders of one volume.
--
-- KEYS[1]   hash: order_ref → the ERP's word on it: `a` accepted or `c` cancelled, and its moment
-- KEYS[2]   sorted set: order_ref → when that was first remembered (this server's clock)
-- KEYS[3]   sorted set, all at 0: length of an order_ref, colon, order_ref, colon, reservation that
--           became it, or was about to
-- KEYS[4]   sorted set: order_ref of which may not all be applied that the ERP said → a number
-- KEYS[5]   the last number given out
--
-- Atomic because an order's word and its being unsure must agree. One sent twice changes nothing
-- but a number. All keys have the volume's hash tag, so one slot of a cluster.

local function unsure(order_ref)
  redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[5]), order_ref)
end

