-- Arguments: $1 how many at most
-- Results: a row for each void of more than a day ago that was removed: no opening takes so long
-- Atomic: one statement; what somebody else is removing is left to them.
DELETE FROM reservation
WHERE ctid = ANY(ARRAY(
    SELECT ctid
    FROM reservation
    WHERE state = 'void' AND changed_at <= now() - interval '1 day'
    ORDER BY changed_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
RETURNING 1
