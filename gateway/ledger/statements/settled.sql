-- The ERP's figure has the units of these orders: they are taken no more.
--
-- Arguments: $1 ids
-- Results: none; those that are not acknowledged, or were settled before, stay as they are
--
-- Atomic: one statement, rows locked in the order of the ids.
WITH locked AS MATERIALIZED (
    SELECT id
    FROM reservation
    -- IS TRUE keeps it from the index by state: acknowledged orders grow without end.
    WHERE id = ANY($1::text[]) AND (state = 'acknowledged') IS TRUE AND counted
    ORDER BY id
    FOR UPDATE
),
absorbed AS (
    UPDATE reservation
    SET counted = false
    FROM locked
    WHERE reservation.id = locked.id
    RETURNING reservation.id, reservation.revision, reservation.state
)
INSERT INTO reservation_event (reservation, revision, kind, state)
SELECT id, revision, 'absorbed', state FROM absorbed
