-- Removes an answer that was never given.
--
-- Arguments: $1 the caller, $2 the key (bytes)
-- Results: none
-- Atomic: one statement.
DELETE FROM idempotency_record WHERE caller = $1 AND key = $2
