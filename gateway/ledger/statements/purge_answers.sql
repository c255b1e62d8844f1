-- Arguments: $1 how many at most
-- Results: a row for each answer of more than 24 hours ago that was removed
-- Atomic: one statement; what somebody else is removing or replacing is left to them.
DELETE FROM idempotency_record
WHERE ctid = ANY(ARRAY(
    SELECT ctid
    FROM idempotency_record
    WHERE at <= now() - interval '24 hours'
    ORDER BY at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
RETURNING 1
