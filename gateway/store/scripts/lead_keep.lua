-- Keeps the lease of leadership for another while, or gives it back.
--
-- KEYS[1]   the lease
-- KEYS[2]   the token of the latest term
-- ARGV[1]   the token of the term
-- ARGV[2]   who leads in it
-- ARGV[3]   how long the lease lives from now on, in milliseconds; 0: it is given back
-- Returns   1, or 0: the term is over
--
-- A lease that lapsed is taken up again in the same term as long as nobody else began one.
--
-- Atomic because a lease must not be lengthened, or ended, that has become another's since it was
-- looked at. Both keys share a hash tag.

if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local mine = ARGV[1] .. ' ' .. ARGV[2]
local held = redis.pcall('GET', KEYS[1])
if held and held ~= mine then return 0 end
if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], mine, 'PX', ARGV[3])
end
return 1
