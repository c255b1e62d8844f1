-- Reads the rows of one price list: all of a small one, of a large one those that are asked for.
--
-- KEYS[1]   the list's hash
-- ARGV[1]   the most fields that are "all of it"
-- ARGV[2]   the fields asked for, as one MessagePack array of texts: many lists are asked for the
--           same fields, which are then packed once
-- Returns   {1, {field, value, …}} with everything there is,
--           {0, {field, value, …}} with what there is of those asked for, or
--           {-1} where the key is of another type
--
-- A script because one round trip must do: how large a list is decides what is read of it. It
-- writes nothing. One key, so one slot of a cluster.

-- What Lua's stack takes at a time.
local AT_A_TIME = 1000

local key = KEYS[1]
local size = redis.pcall('HLEN', key)
if type(size) == 'table' then return {-1} end
if size <= tonumber(ARGV[1]) then return {1, redis.call('HGETALL', key)} end

local asked, found = cmsgpack.unpack(ARGV[2]), {}
for first = 1, #asked, AT_A_TIME do
  local last = math.min(first + AT_A_TIME - 1, #asked)
  for place, value in ipairs(redis.call('HMGET', key, unpack(asked, first, last))) do
    if value then
      found[#found + 1] = asked[first + place - 1]
      found[#found + 1] = value
    end
  end
end
return {0, found}
