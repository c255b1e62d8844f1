-- Lets reservations never be opened, unless they were.
--
-- KEYS      see journal_volume.lua
-- ARGV[1]   how long that is remembered (milliseconds): no opening takes so long
-- ARGV[2]   the reservation
-- Returns   1 it is void, 0 it was opened
--
-- Atomic with `journal_open.lua`: whichever comes first decides. May run out of memory's bounds:
-- units are given back after it.

local record = record_of(ARGV[2])
if record then return record.state == VOID and 1 or 0 end
put(ARGV[2], {
  revision = 0, state = VOID, counted = 0, changed = now, confirmed = 0, opening = '', step = '',
}, 0, tonumber(ARGV[1]))
return 1
