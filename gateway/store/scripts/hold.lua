-- Takes units of one SKU for a reservation, if they are there: pending, until it is settled.
--
-- KEYS, ARGV[1], ARGV[2]   see taken.lua
-- ARGV[3]   the reservation
-- ARGV[4]   how long it may be pending (milliseconds); then the ledger is asked what became of it
-- ARGV[5]   the moment after which this is too late to be done, whoever sent it has given up; 0: none
-- ARGV[6]   the customer; empty: nobody in particular
-- ARGV[7]   the most holds that a customer may have open here; 0: any number
-- ARGV[8…]  location, units that must be there, units that may be awaited; and so on
-- Returns   {1, now} it is held (again: that it is held already), {0, now} too few units,
--           {2, now} too many open holds of the customer, {4, now} it has ended, {5, now} too late
--
-- Atomic because what is there must not be given twice: the figure, what is taken of it and the
-- taking are one step.

local reservation, customer, cap = ARGV[3], ARGV[6], tonumber(ARGV[7])
local FIRST = 8

local before = entry_of(reservation)
if before then return {before[1] == ENDED and SUPERSEDED or DONE, now} end
local deadline = tonumber(ARGV[5])
if deadline > 0 and now > deadline then return {LATE, now} end

load()
local figures = levels()
lapse(64)

if customer ~= '' and cap > 0 then
  local open = tonumber(redis.call('HGET', KEYS[3], '#' .. customer) or 0)
  if open >= cap then return finish(CAPPED) end
end

local entry = {PENDING, 0, now, customer}
for i = FIRST, #ARGV, 3 do
  local location, wanted, awaited = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  if wanted > 0 then
    local figure, place = figures[location], place_of[location]
    if not figure then return finish(SHORT) end
    if figure[1] - (place and still(place, figure[2]) or 0) < wanted then return finish(SHORT) end
  end
  entry[#entry + 1], entry[#entry + 2] = location, wanted + awaited
end
put(reservation, nil, entry, now + tonumber(ARGV[4]))
return finish(DONE)
