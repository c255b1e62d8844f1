-- Reads the reservations of a volume with steps after a number, and lets later steps have numbers
-- above another.
--
-- KEYS      see journal_volume.lua
-- ARGV[1]   the number after which steps are wanted
-- ARGV[2]   the number that every later step shall be above
-- ARGV[3]   how many at most; 0: none is wanted
-- Returns   {reservation, number of its last step, record, …}, by number
--
-- Atomic because a step between the reading and the raising would be missed by who reads on from
-- the second number.

local horizon = tonumber(ARGV[2])
if tonumber(redis.call('GET', KEYS[2]) or 0) < horizon then redis.call('SET', KEYS[2], ARGV[2]) end
local found = {}
local after = redis.call('ZRANGE', KEYS[3], '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[3])
for _, id in ipairs(after) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('ZSCORE', KEYS[3], id)
  found[#found + 1] = redis.call('HGET', KEYS[1], id) or ''
end
return found
