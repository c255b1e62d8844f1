-- Keeps a hold from lapsing while a step of it is being written down; judges whether its time is over.
--
-- KEYS, ARGV[1], ARGV[2]   see taken.lua
-- ARGV[3]   the reservation
-- ARGV[4]   the revision that the step follows
-- ARGV[5]   until when it is held
-- ARGV[6]   how long it may be pinned (milliseconds); then the ledger is asked what became of it
-- ARGV[7]   the customer; empty: nobody in particular
-- ARGV[8…]  location, units; and so on: what it takes, should this server have lost it
-- Returns   {1, now} it is pinned, {3, now} its time is over, {4, now} it has gone on since
--
-- Atomic because a hold that lapses gives its units to others: it is either over or pinned, never
-- both. One that is pinned by another step stays so: which of the two steps came first, the ledger
-- decides.

local reservation, revision, until_ms = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local before = entry_of(reservation)
if before and (before[1] == ENDED or before[2] > revision) then return {SUPERSEDED, now} end
if until_ms <= now and not (before and before[1] == PINNED) then
  if before then drop(reservation, before) end
  return finish(OVER)
end
put(reservation, before, entry_from(PINNED, revision, until_ms, ARGV[7], 8), now + tonumber(ARGV[6]))
return finish(DONE)
