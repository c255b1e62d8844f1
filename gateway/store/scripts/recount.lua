-- Forgets entries that should not be at one SKU, and adds up anew what is taken by those that stay.
--
-- KEYS, ARGV[1], ARGV[2]   see taken.lua
-- ARGV[3…]  the reservations to forget
-- Returns   {1, now}
--
-- For `stockspan reservations verify --repair`: walks over all that is held. Atomic because the sum
-- and the entries must agree at every moment.

for i = 3, #ARGV do
  redis.call('HDEL', KEYS[3], ARGV[i])
  redis.call('ZREM', KEYS[4], ARGV[i])
end
load()
taken, place_of, touched = {}, {}, true
local held = redis.call('HGETALL', KEYS[3])
for i = 1, #held, 2 do
  if string.sub(held[i], 1, 1) == '#' then redis.call('HDEL', KEYS[3], held[i]) end
end
for i = 1, #held, 2 do
  if string.sub(held[i], 1, 1) ~= '#' then
    local entry = cmsgpack.unpack(held[i + 1])
    if entry[1] ~= ENDED then
      count(entry, 1)
      count_open(entry, 1)
    end
  end
end
return finish(DONE)
