-- What all scripts of the journal's reservations begin with: one volume of it.
--
-- KEYS[1]   hash: reservation → its record
-- KEYS[2]   a number that every step raises
-- KEYS[3]   sorted set: reservation → the number of its last step
-- KEYS[4]   sorted set, all at 0: reservations that take units
-- KEYS[5]   sorted set: held reservation → until when it is held
-- KEYS[6]   sorted set: confirmed reservation → when it was confirmed
-- KEYS[7]   sorted set: reservation that is over → when it may be forgotten
-- KEYS[8]   sorted set: those of KEYS[6] of which nobody was told yet that they wait
--
-- A record is a head, what was written when it was opened, and what steps can change. Times are
-- milliseconds since the epoch, by this server's clock unless the caller names them.
--
-- Every script is atomic because a record and its places in the sets must agree, and because of two
-- steps on one revision only the first may be written. One sent twice changes nothing the second
-- time. All keys have the volume's hash tag, so one slot of a cluster. None but a purge looks at
-- more than it is asked for.

local VOID, HELD, CONFIRMED, ACKNOWLEDGED = 0, 1, 2, 3
local HEAD = '>I4BBI8I8I4'

local seconds = redis.call('TIME')
local now = seconds[1] * 1000 + math.floor(seconds[2] / 1000)

local function record_of(id)
  local held = redis.call('HGET', KEYS[1], id)
  if not held then return nil end
  local revision, state, counted, changed, confirmed, size, at = struct.unpack(HEAD, held)
  return {
    revision = revision, state = state, counted = counted, changed = changed,
    confirmed = confirmed, opening = string.sub(held, at, at + size - 1),
    step = string.sub(held, at + size),
  }
end

local function place(key, id, score)
  if score then redis.call('ZADD', key, score, id) else redis.call('ZREM', key, id) end
end

-- Writes a record, and where it is found; `life` is how long it is kept, 0 for as long as it is open.
local function put(id, record, expires, life)
  redis.call('HSET', KEYS[1], id, struct.pack(HEAD, record.revision, record.state, record.counted,
    record.changed, record.confirmed, #record.opening) .. record.opening .. record.step)
  place(KEYS[4], id, record.counted == 1 and 0)
  place(KEYS[5], id, record.state == HELD and expires)
  place(KEYS[6], id, record.state == CONFIRMED and record.confirmed)
  place(KEYS[7], id, life > 0 and now + life)
  if record.state ~= CONFIRMED then place(KEYS[8], id) end
end

local function count(id)
  redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[2]), id)
end

