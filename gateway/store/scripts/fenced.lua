-- Runs one command on one key, as often as there are arguments for, if the writer's term still is.
--
-- KEYS[1]   the key
-- KEYS[2]   the fence (gateway/store/fence.py); left out by who writes without leading
-- ARGV[1]   the token of the writer's term: must be the fence's, or nothing is done
-- ARGV[2]   the change channel; empty: nothing is published
-- ARGV[3]   the message
-- ARGV[4]   the command
-- ARGV[5]   how many arguments it takes at a time
-- ARGV[6…]  the arguments that follow the key
-- Returns   the replies, or the error DEPOSED
--
-- Atomic because between a look at the fence and a write another may begin to lead. Both keys lie
-- in one slot of a cluster. Running it twice does what running the command twice does.

if KEYS[2] and redis.pcall('GET', KEYS[2]) ~= ARGV[1] then
  return redis.error_reply('DEPOSED the term is over')
end
local replies, size = {}, tonumber(ARGV[5])
for at = 6, math.max(6, #ARGV), size do
  local arguments = {unpack(ARGV, at, math.min(at + size - 1, #ARGV))}
  -- A reply of nil would end the table.
  replies[#replies + 1] = redis.call(ARGV[4], KEYS[1], unpack(arguments)) or ''
end
if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return replies
