-- Reads orders of which may not all be applied that the ERP said.
--
-- KEYS      see journal_orders.lua
-- ARGV[1]   the number after which they are wanted
-- ARGV[2]   how many at most
-- Returns   {order_ref, number, word or '', {member of KEYS[3], …}, …}, by number
--
-- A script so that an order's word and its reservations are of one moment. It writes nothing.

local found = {}
local refs = redis.call('ZRANGE', KEYS[4], '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, ref in ipairs(refs) do
  local head = #ref .. ':' .. ref .. ':'
  found[#found + 1] = ref
  found[#found + 1] = redis.call('ZSCORE', KEYS[4], ref)
  found[#found + 1] = redis.call('HGET', KEYS[1], ref) or ''
  found[#found + 1] = redis.call('ZRANGE', KEYS[3], '[' .. head, '(' .. head .. '\255', 'BYLEX')
end
return found
