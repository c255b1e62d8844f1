-- Says when entries that were looked at are due next, unless somebody has said so meanwhile.
--
-- KEYS[1]   the index of what is due (gateway/store/due.py)
-- ARGV[1]   the moment that was put there while they were looked at
-- ARGV[2…]  member, when it is due next (0: never); and so on
-- Returns   nothing
--
-- Atomic because a gateway may give a member another moment at any time: what it says counts.

for i = 2, #ARGV, 2 do
  if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i])) == tonumber(ARGV[1]) then
    if ARGV[i + 1] == '0' then
      redis.call('ZREM', KEYS[1], ARGV[i])
    else
      redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
    end
  end
end
