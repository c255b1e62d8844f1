-- Takes the lease of leadership, unless another has it.
--
-- KEYS[1]   the lease
-- KEYS[2]   the token of the latest term
-- ARGV[1]   who asks
-- ARGV[2]   how long the lease lives, in milliseconds
-- Returns   {1, token, the token before}, or {0, token, who leads, milliseconds left}
--
-- Each term has a token above all before it. It is at least the time in milliseconds: where the
-- store has lost the latest token, with all it held or in a failover, a term of before that must
-- not find its own again.
--
-- Atomic because of two who ask at once one must get it, and because the token must be drawn with
-- the lease: from then on the writes of the term before are refused. Who asks again, for a reply
-- was lost, gets a new term. Both keys share a hash tag.

local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' then
  local token, name = string.match(held, '^(%d+) (.*)$')
  if name and name ~= ARGV[1] then
    return {0, token, name, redis.call('PTTL', KEYS[1])}
  end
end
local before = redis.pcall('GET', KEYS[2])
before = type(before) == 'string' and tonumber(before) or 0
local time = redis.call('TIME')
local token = string.format('%.0f', math.max(before + 1, time[1] * 1000 + math.floor(time[2] / 1000)))
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], token .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {1, token, string.format('%.0f', before)}
