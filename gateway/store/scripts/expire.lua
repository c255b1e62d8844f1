-- Looks at what is due at one SKU: gives back holds whose time is over, forgets orders that the
-- ERP's figures have, and names those in doubt.
--
-- KEYS, ARGV[1], ARGV[2]   see taken.lua
-- ARGV[3]   when to look again at what stays (milliseconds from now)
-- ARGV[4…]  the reservations for which this look is
-- Returns   {now, {reservation, when it is due, …} those of them that are due later,
--           {in doubt, …}, {in the ERP's figures, …}}: the latter two of all that is due here
--
-- Atomic because what is given back must be counted once. Nothing is given back that may have been
-- promised: of a pending or pinned hold only the ledger knows.

local MOST, REMEMBERED = 10000, 60000
local left = lapse(MOST)
local later, doubtful, absorbed, following = now + tonumber(ARGV[3]), {}, {}, {}
local figures

for _, found in ipairs(left) do
  local reservation, entry = found[1], found[2]
  if IN_DOUBT[entry[1]] then
    doubtful[#doubtful + 1] = reservation
    redis.call('ZADD', KEYS[4], later, reservation)
  elseif entry[1] == ACKNOWLEDGED then
    figures = figures or levels()
    local waits = false
    for i = FIRST_PLACE, #entry, 2 do
      local figure = figures[entry[i]]
      waits = waits or not figure or figure[2] < entry[3]
    end
    if waits then
      redis.call('ZADD', KEYS[4], later, reservation)
    else
      -- Remembered for a while, so that nothing late counts it again.
      put(reservation, entry, {ENDED, entry[2], now + REMEMBERED, ''}, now + REMEMBERED)
      absorbed[#absorbed + 1] = reservation
    end
  else
    redis.call('ZREM', KEYS[4], reservation)
  end
end
finish(DONE)
for i = 4, #ARGV do
  local due = redis.call('ZSCORE', KEYS[4], ARGV[i])
  if due then
    following[#following + 1], following[#following + 2] = ARGV[i], tonumber(due)
  end
end
return {now, following, doubtful, absorbed}
