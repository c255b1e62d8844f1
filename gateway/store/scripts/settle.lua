-- Makes a reservation's entry at one SKU what the ledger says it is.
--
-- KEYS, ARGV[1], ARGV[2]   see taken.lua
-- ARGV[3]   the reservation
-- ARGV[4]   its revision
-- ARGV[5]   its state (taken.lua): held, confirmed, acknowledged or ended
-- ARGV[6]   until when it is held, or when the ERP acknowledged it; else 0
-- ARGV[7]   the customer; empty: nobody in particular
-- ARGV[8]   how long is remembered that it has ended (milliseconds), so that nothing late brings it
--           back; and how long until an acknowledged order is looked at again
-- ARGV[9]   1: only if it is held pending here, as it was just now; else 0
-- ARGV[10…] location, units; and so on
-- Returns   {1, now} it is so, {4, now} this revision or a later one was there already,
--           {3, now} nothing is pending here any more: this server has lost it
--
-- What is missing is put all the same, without asking whether there is enough: it was promised. A hold whose time is
-- over is not. Atomic because the sum and the entry must agree. May run out of memory's bounds: it
-- adds a few bytes, and most often gives some back.

local reservation, revision, state = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local until_ms, remember = tonumber(ARGV[6]), tonumber(ARGV[8])

local before = entry_of(reservation)
if before and before[2] >= revision then return {SUPERSEDED, now} end
if ARGV[9] == '1' and not before then return {OVER, now} end
if state == HELD and until_ms <= now then
  if before then drop(reservation, before) end
  return finish(DONE)
end
if state == ENDED then
  put(reservation, before, {ENDED, revision, now + remember, ''}, now + remember)
else
  local due
  if state == HELD then due = until_ms end
  if state == ACKNOWLEDGED then due = now + remember end
  put(reservation, before, entry_from(state, revision, until_ms, ARGV[7], 10), due)
end
return finish(DONE)
