-- Writes a reservation's next step, if the one before it is there.
--
-- KEYS, ARGV[1…7]   see journal_open.lua
-- Returns   1 it is written, 0 another was first, or there is no such reservation
--
-- May run out of memory's bounds: it was promised, or gives something back.

local id, revision, state = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local record = record_of(id)
if not record or record.state == VOID or record.revision ~= revision - 1 then return 0 end
record.revision, record.state, record.counted = revision, state, tonumber(ARGV[4])
record.changed, record.step = now, ARGV[7]
if state == CONFIRMED and record.confirmed == 0 then
  record.confirmed = now
  place(KEYS[8], id, now)
end
put(id, record, ARGV[5], tonumber(ARGV[6]))
count(id)
return 1
