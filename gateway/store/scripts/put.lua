-- Writes entries of one value, each only if it is newer than the one held, and publishes once.
--
-- KEYS[1]   a SKU's key, or the key of all locations
-- ARGV[1]   the change channel
-- ARGV[2]   the message to publish there if anything changed
-- ARGV[3…]  one operation each: one byte of Op flags, then an entry (gateway/store/entries.py)
-- Returns   {accepted, changed}: operations that took effect, and those that changed what is held
--
-- Atomic because a version must be compared and written in one step: two feeds, a delta and a
-- snapshot, or a retry after a lost reply may write the same entry at once. Running it twice with
-- the same arguments leaves the same value. One key, so one slot of a cluster.

local HEAD = '>BBBI4I4xxxxxxHH'   -- flags feed round version(high, low) stamp name_size payload_size
local HEAD_SIZE = 21
local TOMB, DELETED_BY_SNAPSHOT, DOUBTED = 1, 3, 4
local UNVERSIONED, SNAPSHOT, TOUCH, SWEEP = 1, 2, 4, 8
-- A value of nothing but tombstones has outlived every late message after thirty days.
local TOMBS_LIVE = 2592000

local unpack_head, sub, byte, char = struct.unpack, string.sub, string.byte, string.char

-- What is no string, or not in this format, is not ours: it is written over.
local held = redis.pcall('GET', KEYS[1])
if type(held) ~= 'string' or byte(held) ~= 1 then
  held = ''
  -- Most of a first load: plain records of different names, joined as they come.
  local parts, named, plain = {'\1'}, {}, true
  for i = 3, #ARGV do
    local argument = ARGV[i]
    local op, flags = byte(argument, 1, 2)
    local high, low = byte(argument, 19, 20)
    local name = sub(argument, 23, 22 + high * 256 + low)
    if op >= TOUCH or flags ~= 0 or named[name] then
      plain = false
      break
    end
    named[name] = true
    parts[i - 1] = sub(argument, 2)
  end
  if plain then
    redis.call('SET', KEYS[1], table.concat(parts))
    redis.call('PUBLISH', ARGV[1], ARGV[2])
    return {#ARGV - 2, #ARGV - 2}
  end
end

-- The entries held: their text, and what must be compared, by place; the place by name.
local place_of, count = {}, 0
local text, flags_of, feed_of, high_of, low_of, payload_at = {}, {}, {}, {}, {}, {}

local at, size = 2, #held
while at + HEAD_SIZE - 1 <= size do
  local flags, feed, _, high, low, name_size, payload_size = unpack_head(HEAD, held, at)
  local stop = at + HEAD_SIZE + name_size + payload_size
  count = count + 1
  place_of[sub(held, at + HEAD_SIZE, at + HEAD_SIZE + name_size - 1)] = count
  text[count], flags_of[count], feed_of[count] = sub(held, at, stop - 1), flags, feed
  high_of[count], low_of[count], payload_at[count] = high, low, HEAD_SIZE + name_size + 1
  at = stop
end
if size > 0 and at ~= size + 1 then
  -- Cut short, or something else that begins like one of ours.
  place_of, count, text = {}, 0, {}
end

local accepted, changed, dirty = 0, 0, false

for i = 3, #ARGV do
  local argument = ARGV[i]
  local op = byte(argument)
  local flags, feed, round, high, low, name_size = unpack_head(HEAD, argument, 2)
  local name = sub(argument, 2 + HEAD_SIZE, 1 + HEAD_SIZE + name_size)
  local place = place_of[name]
  local known = place and text[place]
  local alive = known and flags_of[place] % 2 == 0
  local mine = alive and feed_of[place] == feed

  if op >= SWEEP then
    if mine and byte(known, 3) ~= round then
      -- The version held stays with the tombstone: a late delta must not bring it back.
      text[place] = char(DELETED_BY_SNAPSHOT) .. sub(known, 2, 19) .. '\0\0' .. name
      flags_of[place] = DELETED_BY_SNAPSHOT
      accepted, changed, dirty = accepted + 1, changed + 1, true
    end
  else
    local unversioned = op % 2 == UNVERSIONED
    local newer = op < TOUCH and (not known or unversioned)
    if known and not newer and op < TOUCH then
      local held_high, held_low = high_of[place], low_of[place]
      newer = high > held_high or (high == held_high and low > held_low)
        or (op >= SNAPSHOT and flags_of[place] == DELETED_BY_SNAPSHOT
          and high == held_high and low == held_low)
    end
    if newer then
      local entry = sub(argument, 2)
      local deletes = flags % 2 == TOMB
      if known then
        if unversioned then
          high, low = high_of[place], low_of[place]
          entry = sub(entry, 1, 3) .. sub(known, 4, 11) .. sub(entry, 12)
        end
        if alive == deletes or (alive
            and sub(known, payload_at[place]) ~= sub(entry, HEAD_SIZE + name_size + 1)) then
          changed = changed + 1
        end
      else
        count = count + 1
        place = count
        place_of[name] = place
        if not deletes then changed = changed + 1 end
      end
      text[place], flags_of[place], feed_of[place] = entry, flags, feed
      high_of[place], low_of[place] = high, low
      payload_at[place] = HEAD_SIZE + name_size + 1
      accepted, dirty = accepted + 1, true
    elseif op >= SNAPSHOT and mine then
      -- Not newer, or rejected, but seen in this round of the feed.
      local doubt = op >= TOUCH and DOUBTED or 0
      if flags_of[place] ~= doubt then changed = changed + 1 end
      text[place] = char(doubt) .. sub(known, 2, 2) .. char(round) .. sub(known, 4)
      flags_of[place] = doubt
      dirty = true
    end
  end
end

if dirty then
  local buried = true
  for place = 1, count do
    buried = buried and flags_of[place] % 2 == TOMB
  end
  local value = '\1' .. table.concat(text)
  if buried then
    redis.call('SET', KEYS[1], value, 'EX', TOMBS_LIVE)
  else
    redis.call('SET', KEYS[1], value)
  end
end
if changed > 0 then
  redis.call('PUBLISH', ARGV[1], ARGV[2])
end
return {accepted, changed}
