-- Opens a reservation, unless its id is a reservation's already, or void.
--
-- KEYS      see journal_volume.lua
-- ARGV[1]   the reservation
-- ARGV[2]   its revision
-- ARGV[3]   its state's number
-- ARGV[4]   1: its units are taken; else 0
-- ARGV[5]   until when it is held
-- ARGV[6]   how long it is kept (milliseconds); 0: as long as it is open
-- ARGV[7]   what steps can change
-- ARGV[8]   what they cannot
-- Returns   1 it is open now, 0 it was there or void
--
-- Refused before it begins where the store has no memory left.

local id = ARGV[1]
if redis.call('HEXISTS', KEYS[1], id) == 1 then return 0 end
put(id, {
  revision = tonumber(ARGV[2]), state = tonumber(ARGV[3]), counted = tonumber(ARGV[4]),
  changed = now, confirmed = tonumber(ARGV[3]) == CONFIRMED and now or 0,
  opening = ARGV[8], step = ARGV[7],
}, ARGV[5], tonumber(ARGV[6]))
count(id)
return 1
