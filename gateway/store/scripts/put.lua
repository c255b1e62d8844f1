-- Writes entries of one value, each only if it is newer than the one held, and publishes once.
--
-- KEYS[1]   the key: of a string value, or of a hash that has a value at each field
-- KEYS[2]   the fence (gateway/store/fence.py); left out by who writes without leading
-- ARGV[1]   the change channel
-- ARGV[2]   the message to publish there if anything changed; it begins with the kind of record
-- ARGV[3]   the field of the hash; empty: the key's value is a string
-- ARGV[4]   the token of the writer's term: must be the fence's, or nothing is done
-- ARGV[5…]  one operation each: one byte of Op flags, then an entry (gateway/store/entries.py)
-- Returns   {accepted, changed}: operations that took effect, and those that changed what is held;
--           or the error DEPOSED
--
-- "Changed" is what a reader's copy would have to learn: the payload, that it is doubted, or which
-- feed vouches for it; not that a snapshot has seen it once more.
--
-- A deletion leaves a tombstone with the version, so that nothing late rises from it. Without a
-- version there is nothing to compare, and no tombstone, with two exceptions. While a snapshot of
-- the same feed is being staged the deletion is marked RECENT, and its tombstone keeps the older
-- row of that snapshot out until the round is over. And a deleted product keeps one for good,
-- because it hides the SKU's levels and price rows for as long as they lie there: it costs some
-- hundred bytes for every SKU that was ever deleted, and anything less would sell it again.
--
-- Other tombstones are dropped after thirty days, when their value is next written; a sweep that
-- meets one is such a write, which changes nothing else. A string value of nothing but these
-- expires by itself; a field of a hash cannot, and waits for the sweep.
--
-- A level whose payload has room for a rate of sale (gateway/domain/rate_of_sale.py) learns on the
-- way: what its figure falls by was sold. Where only the rate differs, nothing has changed.
--
-- Atomic because a version must be compared and written in one step: two feeds, a delta and a
-- snapshot, or a retry after a lost reply may write the same entry at once. Running it twice with
-- the same arguments leaves the same value. The fence is read in the same step: a writer that was
-- deposed a moment ago changes nothing. Both keys lie in one slot of a cluster.

local HEAD = '>BBBI4I4xxxxxxHH'   -- flags feed round version(high, low) stamp name_size payload_size
local HEAD_SIZE = 21
local TOMB, DELETED_BY_SNAPSHOT, DOUBTED, RECENT = 1, 3, 4, 8
local UNVERSIONED, SNAPSHOT, TOUCH, SWEEP, RESTORED = 1, 2, 4, 8, 16
-- What a tombstone outlives: every late message comes within thirty days.
local TOMBS_LIVE = 2592000
local FIRST = 5
-- Seven parts, the last two of which are the rate: two floats, ten bytes.
local WITH_RATE, RATE_SIZE = 0x97, 10
local LEARNT_OVER = 604800000

local unpack_head, sub, byte, char = struct.unpack, string.sub, string.byte, string.char
local key, field = KEYS[1], ARGV[3]

if KEYS[2] and redis.pcall('GET', KEYS[2]) ~= ARGV[4] then
  return redis.error_reply('DEPOSED the term is over')
end

local in_hash = field ~= ''

local function keep(value)
  if in_hash then
    redis.call('HSET', key, field, value)
  else
    redis.call('SET', key, value)
  end
end

-- What is of another type, or not in this format, is not ours: it is written over.
local held
if in_hash then
  held = redis.pcall('HGET', key, field)
  if type(held) == 'table' then redis.call('DEL', key) end
else
  held = redis.pcall('GET', key)
end
if type(held) ~= 'string' or byte(held) ~= 1 then
  held = ''
  -- Most of a first load: plain records of different names, joined as they come.
  local parts, named, plain = {'\1'}, {}, true
  for i = FIRST, #ARGV do
    local argument = ARGV[i]
    local op, flags = byte(argument, 1, 2)
    local high, low = byte(argument, 19, 20)
    local name = sub(argument, 23, 22 + high * 256 + low)
    if (op >= TOUCH and op < RESTORED) or flags ~= 0 or named[name] then
      plain = false
      break
    end
    named[name] = true
    parts[i - FIRST + 2] = sub(argument, 2)
  end
  if plain then
    keep(table.concat(parts))
    redis.call('PUBLISH', ARGV[1], ARGV[2])
    return {#ARGV - FIRST + 1, #ARGV - FIRST + 1}
  end
end

-- The entries held: their text, and what must be compared, by place; the place by name.
local place_of, count = {}, 0
local text, flags_of, feed_of, high_of, low_of, payload_at = {}, {}, {}, {}, {}, {}
-- The round that is written now, by feed.
local round_of = {}

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

-- The kinds of messages (gateway/store/keys.py) that speak of a SKU and its product.
local kind = sub(ARGV[2], 1, 1)
local of_sku = kind == '1' or kind == '4'

local function stamp_of(record, from)
  local high, low = unpack_head('>I2I4', record, from)
  return high * 4294967296 + low
end

local function leaves_none(name, flags, high, low)
  return high == 0 and low == 0 and flags < RECENT and not (of_sku and name == '')
end

local function forget(name, place)
  text[place], place_of[name] = '', nil
end

-- Whether an entry of an archive is newer than the one held: where not both have a version, the
-- moment tells, as nobody knows any more in which order the two came.
local function is_later(argument, place, high, low)
  local held_high, held_low = high_of[place], low_of[place]
  if (high == 0 and low == 0) or (held_high == 0 and held_low == 0) then
    return stamp_of(argument, 13) > stamp_of(text[place], 12)
  end
  return high > held_high or (high == held_high and low > held_low)
end

local function has_rate(record, from)
  return of_sku and byte(record, from) == WITH_RATE
end

-- A payload less its rate.
local function figures(record, from)
  return sub(record, from, has_rate(record, from) and -RATE_SIZE - 1 or -1)
end

-- What the ERP has left of a level, and the rate that was learnt; nil where it cannot be read.
local function free_and_rate(payload)
  local decoded, level = pcall(cmsgpack.unpack, payload)
  if not decoded or type(level) ~= 'table' or type(level[1]) ~= 'number' then return nil end
  local allocated = level[2] and tonumber(level[3]) or 0
  return level[1] - allocated, tonumber(level[6]) or 0, tonumber(level[7]) or 0
end

-- The entry with the rate of the one held, as it has become since.
local function learnt(entry, from, known, known_from)
  local before, sold, watched = free_and_rate(sub(known, known_from))
  if not before then return entry end
  local left = free_and_rate(sub(entry, from))
  local fade = math.exp(-math.max(0, stamp_of(entry, 12) - stamp_of(known, 12)) / LEARNT_OVER)
  sold = sold * fade + math.max(0, before - left)
  watched = 1 - (1 - watched) * fade
  return sub(entry, 1, -RATE_SIZE - 1) .. struct.pack('>BfBf', 0xCA, sold, 0xCA, watched)
end

local accepted, changed, dirty = 0, 0, false

for i = FIRST, #ARGV do
  local argument = ARGV[i]
  local op = byte(argument)
  local restored = op >= RESTORED
  if restored then op = op - RESTORED end
  local flags, feed, round, high, low, name_size = unpack_head(HEAD, argument, 2)
  local name = sub(argument, 2 + HEAD_SIZE, 1 + HEAD_SIZE + name_size)
  local place = place_of[name]
  local known = place and text[place]
  local alive = known and flags_of[place] % 2 == 0
  local mine = alive and feed_of[place] == feed
  -- What is restored begins no round.
  if not restored then round_of[feed] = round end

  if restored and known and not is_later(argument, place, high, low) then
    -- What is held is as new, or newer: it stays.
  elseif op >= SWEEP then
    if mine and byte(known, 3) ~= round then
      if leaves_none(name, DELETED_BY_SNAPSHOT, high_of[place], low_of[place]) then
        forget(name, place)
      else
        -- The version held stays with the tombstone: a late delta must not bring it back.
        text[place] = char(DELETED_BY_SNAPSHOT) .. sub(known, 2, 11) .. sub(argument, 13, 18)
          .. sub(known, 18, 19) .. '\0\0' .. name
        flags_of[place] = DELETED_BY_SNAPSHOT
      end
      accepted, changed, dirty = accepted + 1, changed + 1, true
    elseif known and not alive then
      dirty = true
    end
  elseif op == SNAPSHOT + UNVERSIONED and known and feed_of[place] == feed
      and byte(known, 3) == round and stamp_of(known, 12) > stamp_of(argument, 13) then
    -- Written or deleted by a delta of the feed after this snapshot had begun: it stays.
  else
    local unversioned = op % 2 == UNVERSIONED
    local newer = op < TOUCH and (not known or unversioned or restored)
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
        local from = HEAD_SIZE + name_size + 1
        if alive and not restored and has_rate(entry, from) then
          entry = learnt(entry, from, known, payload_at[place])
        end
        if alive == deletes or (alive and (flags_of[place] ~= flags or feed_of[place] ~= feed
            or figures(known, payload_at[place]) ~= figures(entry, from))) then
          changed = changed + 1
        end
      elseif not deletes then
        changed = changed + 1
      end
      accepted = accepted + 1
      if deletes and leaves_none(name, flags, high, low) then
        if known then
          forget(name, place)
          dirty = true
        end
      else
        if not known then
          count = count + 1
          place = count
          place_of[name] = place
        end
        text[place], flags_of[place], feed_of[place] = entry, flags, feed
        high_of[place], low_of[place] = high, low
        payload_at[place] = HEAD_SIZE + name_size + 1
        dirty = true
      end
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
  local now
  local alive, buried, hides = false, false, false
  for place = 1, count do
    local record = text[place]
    if record ~= '' then
      if flags_of[place] % 2 == 0 then
        alive = true
      elseif of_sku and byte(record, 18) == 0 and byte(record, 19) == 0 then
        hides = true
      elseif flags_of[place] >= RECENT and high_of[place] == 0 and low_of[place] == 0
          and (round_of[feed_of[place]] or byte(record, 3)) ~= byte(record, 3) then
        text[place] = ''
      else
        if not now then
          now = 0
          for i = FIRST, #ARGV do now = math.max(now, stamp_of(ARGV[i], 13)) end
        end
        if now - stamp_of(record, 12) > TOMBS_LIVE * 1000 then
          text[place] = ''
        else
          buried = true
        end
      end
    end
  end
  if alive or hides or (buried and in_hash) then
    keep('\1' .. table.concat(text))
  elseif buried then
    redis.call('SET', key, '\1' .. table.concat(text), 'EX', TOMBS_LIVE)
  elseif in_hash then
    redis.call('HDEL', key, field)
  else
    redis.call('DEL', key)
  end
end
if changed > 0 then
  redis.call('PUBLISH', ARGV[1], ARGV[2])
end
return {accepted, changed}
