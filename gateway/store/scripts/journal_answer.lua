-- Puts an answer under its key, unless another is there.
--
-- KEYS[1]   the key
-- ARGV[1]   the answer; no two are the same
-- ARGV[2]   how long it lives (milliseconds)
-- ARGV[3]   the answer that it may take the place of; empty: none
-- Returns   nothing where it is there now; else {the other answer, how old that is (milliseconds)}
--
-- Atomic because of two answers only one may stand, and one that is put aside must be the one that
-- was looked at. One key, so one slot of a cluster. Sent twice, it is there the second time.

local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] and held ~= ARGV[3] then
  return {held, tonumber(ARGV[2]) - redis.call('PTTL', KEYS[1])}
end
if held ~= ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return nil
