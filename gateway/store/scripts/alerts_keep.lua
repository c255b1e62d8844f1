-- Writes down how alerts stand, unless somebody else has since the writer read it.
--
-- KEYS[1]   a hash: `revision`, a number; `writer`, whose it is; `standing`, the text
-- ARGV[1]   the revision that the writer knows; 0 where it found none
-- ARGV[2]   the writer's own name
-- ARGV[3]   the text
-- Returns   the new revision, or -1 where another writer's is there
--
-- Atomic because of two loaders that both think they lead, the later one must not undo what the
-- first has sent. A writer that got no reply finds its own, and goes on from it. A store that was
-- emptied takes whatever comes first.

local key = KEYS[1]
local type = redis.call('TYPE', key).ok
if type ~= 'none' and type ~= 'hash' then
  redis.call('DEL', key) -- nothing of ours
end
local held = redis.call('HGET', key, 'revision')
if held and held ~= ARGV[1] and redis.call('HGET', key, 'writer') ~= ARGV[2] then
  return -1
end
local revision = math.max(tonumber(held or 0) or 0, tonumber(ARGV[1])) + 1
redis.call(
  'HSET', key,
  'revision', string.format('%d', revision), 'writer', ARGV[2], 'standing', ARGV[3]
)
return revision
