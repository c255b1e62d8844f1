-- Remembers the ERP's word on an order.
--
-- KEYS      see journal_orders.lua
-- ARGV[1]   the order_ref
-- ARGV[2]   the word: `a` or `c`, and the moment
-- Returns   1 it is what is remembered now, 0 something else stands
--
-- Whatever the order in which words come, the same is remembered in the end: a cancellation wins,
-- and of two of a kind the earlier moment.

local told = ARGV[2]
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then
  local kind, before = string.sub(told, 1, 1), string.sub(held, 1, 1)
  if kind == before then
    if tonumber(string.sub(told, 2)) >= tonumber(string.sub(held, 2)) then return 0 end
  elseif before == 'c' then
    return 0
  end
end
local seconds = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], told)
redis.call('ZADD', KEYS[2], 'NX', seconds[1] * 1000, ARGV[1])
unsure(ARGV[1])
return 1
