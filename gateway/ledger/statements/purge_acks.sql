-- Arguments: $1 how many at most
-- Results: a row for each acknowledgement remembered for 90 days that was removed
-- Atomic: one statement; what somebody else is removing or replacing is left to them.
DELETE FROM order_ack
WHERE ctid = ANY(ARRAY(
    SELECT ctid
    FROM order_ack
    WHERE remembered_at <= now() - interval '90 days'
    ORDER BY remembered_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
RETURNING 1
