-- Lets acknowledged orders take no units any more: the ERP's figures have them.
--
-- KEYS      see journal_volume.lua
-- ARGV[1]   how long they are kept from now on (milliseconds)
-- ARGV[2…]  reservations
-- Returns   how many there were; those that are not acknowledged, or were settled before, stay
--
-- It is no step: the revision stays, and so does the number of the last step.

local settled = 0
for i = 2, #ARGV do
  local record = record_of(ARGV[i])
  if record and record.state == ACKNOWLEDGED and record.counted == 1 then
    record.counted = 0
    put(ARGV[i], record, 0, tonumber(ARGV[1]))
    settled = settled + 1
  end
end
return settled
