-- See to it that these reservations are never opened, unless they are already.
--
-- Arguments: $1 ids, none twice
-- Results: the ids that are void now
--
-- Atomic: one statement. An opening under way is waited for: either it is committed, and the id
-- stays what it is, or the id is ours, and the opening fails on it. `DO UPDATE` because only that
-- looks at what another transaction has just committed.
WITH voided AS (
    INSERT INTO reservation (id, revision, state, counted, expires_ms, channel, caller, lines)
    SELECT id, 0, 'void', false, 0, '', '', ''
    FROM unnest($1::text[]) AS asked (id)
    ORDER BY id COLLATE "C"
    ON CONFLICT (id) DO UPDATE SET revision = 0 WHERE reservation.state = 'void'
    RETURNING id
),
written AS (
    INSERT INTO reservation_event (reservation, revision, kind, state)
    SELECT id, 0, 'voided', 'void' FROM voided
    -- It was void before.
    ON CONFLICT (reservation, revision) WHERE kind NOT IN ('absorbed', 'overdue') DO NOTHING
)
SELECT id FROM voided
