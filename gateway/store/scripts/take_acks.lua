-- Removes acknowledgements from the inbox, each only while it is still the one that was read.
--
-- KEYS[1]   the inbox: a hash, order_ref → an acknowledgement
-- ARGV[1…]  pairs: a field, and the value that was read there
-- Returns   how many fields were removed
--
-- Atomic because a loader may write a newer one between the comparison and the removal, which
-- would be lost. Running it twice removes nothing that was not taken. One key, so one slot of a
-- cluster.

local key = KEYS[1]
local removed = 0
for i = 1, #ARGV, 2 do
  -- A key of another type answers with an error, which is equal to nothing.
  if redis.pcall('HGET', key, ARGV[i]) == ARGV[i + 1] then
    removed = removed + redis.call('HDEL', key, ARGV[i])
  end
end
return removed
