-- Orders that the ERP has not acknowledged in time and of which nobody was told yet.
--
-- Arguments: $1 a time, $2 how many at most
-- Results: orders confirmed before that time, each given once, ever
--
-- Atomic: one statement, rows locked in the order of the ids; who comes at the same moment skips them.
WITH locked AS MATERIALIZED (
    SELECT id
    FROM reservation
    WHERE state = 'confirmed' AND overdue_at IS NULL AND confirmed_at < $1::timestamptz
    ORDER BY confirmed_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
),
told AS (
    UPDATE reservation
    SET overdue_at = now()
    FROM locked
    WHERE reservation.id = locked.id
    RETURNING reservation.*
),
noted AS (
    INSERT INTO reservation_event (reservation, revision, kind, state)
    SELECT id, revision, 'overdue', state FROM told
)
SELECT * FROM told
