-- Appends events to the journal, each once, and lets the oldest go.
--
-- KEYS[1]   the journal: a stream, an event in the field `e` of each entry
-- KEYS[2]   the ids that it has: a sorted set, id → when it was appended
-- ARGV[1]   how many events are kept
-- ARGV[2…]  pairs: an event's id, and the event
-- Returns   how many were appended
--
-- Atomic because an id that is noted must have its event, and the other way round: whoever got no
-- reply sends the same again. Both keys share a hash tag, so one slot of a cluster.

for i = 1, 2 do
  local type = redis.call('TYPE', KEYS[i]).ok
  if type ~= 'none' and type ~= (i == 1 and 'stream' or 'zset') then
    redis.call('DEL', KEYS[i]) -- nothing of ours
  end
end
local now = redis.call('TIME')
local appended = 0
for i = 2, #ARGV, 2 do
  if redis.call('ZADD', KEYS[2], 'NX', now[1], ARGV[i]) == 1 then
    redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[1], '*', 'e', ARGV[i + 1])
    appended = appended + 1
  end
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - ARGV[1])
return appended
