-- What all scripts of holds begin with: a SKU's bookkeeping of what is taken of it.
--
-- KEYS[1]   the SKU's value, its product and levels (gateway/store/entries.py); read, never written
-- KEYS[2]   what is taken at each location, added up: {{location, units, {{from, units}, …}}, …},
--           MessagePack; `from` is when the ERP acknowledged these. Readers read it with KEYS[1]
-- KEYS[3]   hash: reservation → its entry here, and #customer → how many holds are open for it
-- KEYS[4]   sorted set: reservation → when its entry must be looked at again
-- ARGV[1]   the change channel
-- ARGV[2]   the message to publish there if what is taken has changed
--
-- Units are thousandths. Times are milliseconds by this server's clock, `TIME`, but for those of the
-- ERP. An entry is {state, revision, until, customer, location, units, location, units, …}.
--
-- Every step is atomic because it compares and writes what is taken of one SKU; it may be sent twice,
-- late, or out of order: a revision that is held already, or a later one, wins. All keys have the
-- SKU's hash tag, so one slot of a cluster. No step walks over what else is held: a thousand open
-- holds cost what one does.

local PENDING, HELD, PINNED, CONFIRMED, ACKNOWLEDGED, ENDED = 0, 1, 2, 3, 4, 5
-- Entries that count as a customer's open holds, and those of which only the ledger knows the truth.
local OPEN = {[PENDING] = true, [HELD] = true, [PINNED] = true}
local IN_DOUBT = {[PENDING] = true, [PINNED] = true}
-- A reply's first number.
local DONE, SHORT, CAPPED, OVER, SUPERSEDED, LATE = 1, 0, 2, 3, 4, 5
local FIRST_PLACE = 5

local seconds = redis.call('TIME')
local now = seconds[1] * 1000 + math.floor(seconds[2] / 1000)

-- The sum is read when it is first needed: most steps change nothing of it.
local taken, place_of, taken_before, touched = nil, {}, nil, false

local function load()
  if taken then return end
  taken_before = redis.call('GET', KEYS[2])
  taken = taken_before and cmsgpack.unpack(taken_before) or {}
  for _, place in ipairs(taken) do place_of[place[1]] = place end
end

local function place_at(location)
  local place = place_of[location]
  if not place then
    place = {location, 0, {}}
    taken[#taken + 1], place_of[location] = place, place
  end
  return place
end

-- Adds up what an acknowledged order takes, or (sign -1) no longer takes.
local function count_acknowledged(place, from, units)
  local orders = place[3]
  for i, order in ipairs(orders) do
    if order[1] == from then
      order[2] = order[2] + units
      if order[2] <= 0 then table.remove(orders, i) end
      return
    end
  end
  if units > 0 then orders[#orders + 1] = {from, units} end
end

local function count(entry, sign)
  load()
  touched = true
  for i = FIRST_PLACE, #entry, 2 do
    local place, units = place_at(entry[i]), sign * entry[i + 1]
    if entry[1] == ACKNOWLEDGED then
      count_acknowledged(place, entry[3], units)
    else
      place[2] = place[2] + units
    end
  end
end

local function count_open(entry, sign)
  if entry[4] ~= '' and OPEN[entry[1]] then
    local open = '#' .. entry[4]
    if redis.call('HINCRBY', KEYS[3], open, sign) <= 0 then redis.call('HDEL', KEYS[3], open) end
  end
end

-- Whether one entry takes what another does: then the sum stays as it is.
local function takes_the_same(before, after)
  if before[1] >= ACKNOWLEDGED or after[1] >= ACKNOWLEDGED or #before ~= #after then return false end
  for i = FIRST_PLACE, #before do
    if before[i] ~= after[i] then return false end
  end
  return true
end

local function entry_of(reservation)
  local held = redis.call('HGET', KEYS[3], reservation)
  return held and cmsgpack.unpack(held)
end

-- Lets go of an entry; of one that has ended nothing is counted any more.
local function drop(reservation, entry)
  if entry[1] ~= ENDED then load() end
  redis.call('ZREM', KEYS[4], reservation)
  if entry[1] ~= ENDED then
    count(entry, -1)
    count_open(entry, -1)
  end
  redis.call('HDEL', KEYS[3], reservation)
end

-- Makes this the reservation's entry; `due` is when it must be looked at again, if ever.
local function put(reservation, before, entry, due)
  if before and before[1] == ENDED then before = nil end
  local same = before and takes_the_same(before, entry)
  -- First what may fail because something that is not ours lies there: then nothing is half done.
  if not same then load() end
  if due then
    redis.call('ZADD', KEYS[4], due, reservation)
  else
    redis.call('ZREM', KEYS[4], reservation)
  end
  if not same then
    if before then count(before, -1) end
    if entry[1] ~= ENDED then count(entry, 1) end
  end
  if not before or OPEN[before[1]] ~= OPEN[entry[1]] or before[4] ~= entry[4] then
    if before then count_open(before, -1) end
    count_open(entry, 1)
  end
  redis.call('HSET', KEYS[3], reservation, cmsgpack.pack(entry))
end

local function entry_from(state, revision, until_ms, customer, first)
  local entry = {state, revision, until_ms, customer}
  for i = first, #ARGV, 2 do
    entry[#entry + 1], entry[#entry + 2] = ARGV[i], tonumber(ARGV[i + 1])
  end
  return entry
end

-- What the ERP says is there, by location: {units, moment of the figure}.
local function levels()
  local found = {}
  local value = redis.pcall('GET', KEYS[1])
  if type(value) ~= 'string' or string.byte(value) ~= 1 then return found end
  local at, size = 2, #value
  while at + 20 <= size do
    local flags, _, _, _, _, high, low, name_size, payload_size =
      struct.unpack('>BBBI4I4I2I4HH', value, at)
    local name = string.sub(value, at + 21, at + 20 + name_size)
    local first = at + 21 + name_size
    at = first + payload_size
    if name == '' then
      if flags % 2 == 1 then return {} end  -- a deleted product hides its levels
    elseif flags % 2 == 0 then
      -- One that cannot be read is no figure.
      local good, units = pcall(function()
        local level = cmsgpack.unpack(string.sub(value, first, at - 1))
        return level[1] - (level[2] and level[3] or 0) - (level[4] or 0)
      end)
      if good then found[name] = {math.floor(units * 1000 + 0.5), high * 4294967296 + low} end
    end
  end
  return found
end

-- The units of a place that a figure of that moment does not leave out yet.
local function still(place, figure)
  local units = place[2]
  for _, order in ipairs(place[3]) do
    if order[1] > figure then units = units + order[2] end
  end
  return units
end

-- Gives back what holds took whose time is over; at most some at a time. A hold that is in doubt
-- stays: whether it was promised, only the ledger knows. Gives those that are due and were left.
local function lapse(most)
  local left = {}
  local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, most)
  for _, reservation in ipairs(due) do
    local entry = entry_of(reservation)
    if not entry then
      redis.call('ZREM', KEYS[4], reservation)
    elseif entry[1] == HELD or entry[1] == ENDED then
      drop(reservation, entry)
    else
      left[#left + 1] = {reservation, entry}
    end
  end
  return left
end

-- Writes what was added up, and tells of it, if it is not what it was: a hold that is settled takes
-- as much as when it was pending.
local function finish(outcome)
  if touched then
    local kept = {}
    for _, place in ipairs(taken) do
      if place[2] ~= 0 or #place[3] > 0 then kept[#kept + 1] = place end
    end
    local after = #kept > 0 and cmsgpack.pack(kept) or false
    if after ~= taken_before then
      if after then
        redis.call('SET', KEYS[2], after)
      else
        redis.call('DEL', KEYS[2])
      end
      redis.call('PUBLISH', ARGV[1], ARGV[2])
    end
  end
  return {outcome, now}
end

