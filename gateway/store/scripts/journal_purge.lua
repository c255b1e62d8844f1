-- Forgets reservations whose time to be forgotten has come.
--
-- KEYS      see journal_volume.lua
-- ARGV[1…]  reservations
-- Returns   how many were forgotten; the others among them are kept

local forgotten = 0
for _, id in ipairs(ARGV) do
  local moment = redis.call('ZSCORE', KEYS[7], id)
  if moment and tonumber(moment) <= now then
    for i = 3, 8 do redis.call('ZREM', KEYS[i], id) end
    forgotten = forgotten + redis.call('HDEL', KEYS[1], id)
  end
end
return forgotten
