-- Reads some reservations of a volume in the order of one of its sets.
--
-- KEYS      see journal_volume.lua
-- ARGV[1]   which of them: the set's number
-- ARGV[2]   from where: a score or a name, as ZRANGE takes it; empty: the present, as a score
-- ARGV[3]   to where; empty: the present, as a score
-- ARGV[4]   BYSCORE, or BYLEX
-- ARGV[5]   how many at most
-- ARGV[6]   nothing, or REV
-- Returns   {reservation, score, record, …}
--
-- A script so that the set and the records are of one moment. It writes nothing.

local which, first, last = KEYS[tonumber(ARGV[1])], ARGV[2], ARGV[3]
if first == '' then first = now end
if last == '' then last = now end
local words = {'ZRANGE', which, first, last, ARGV[4]}
if ARGV[6] then words[#words + 1] = ARGV[6] end
words[#words + 1], words[#words + 2], words[#words + 3] = 'LIMIT', 0, ARGV[5]
local found = {}
for _, id in ipairs(redis.call(unpack(words))) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('ZSCORE', which, id)
  found[#found + 1] = redis.call('HGET', KEYS[1], id) or ''
end
return found
