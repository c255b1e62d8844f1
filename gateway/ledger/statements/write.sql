-- Write a lot: answers under idempotency keys, and steps of reservations.
--
-- Arguments, arrays of equal length each:
--   $1–$6    answers: place, caller, key, body_sha, status, body; no (caller, key) twice
--   $7–$21   steps: place, id, revision, kind, state, counted, expires_ms, order_ref,
--            acknowledged_ms, price_token, detail; and of those that open a reservation: customer,
--            channel, caller, lines (channel NULL: not an opening); no id twice
--            A place is any number by which the caller knows them again; an answer and an opening
--            at the same place come together.
-- Results, one row for each that was written, openings left out:
--   what     'answer' or 'step'
--   place
--   acknowledged_ms, status   of a step: what the ERP has said of its order, or NULL
-- An answer whose key has one that is younger than 24 hours is not written, and neither is the
-- opening that comes with it. A step is written only on the revision before it.
-- Errors: unique_violation when an opening's id exists; then nothing is written.
--
-- Atomic: one statement is one transaction, and one commit for all of them. Two lots take their
-- locks in the same order (keys first, then openings, then steps, each sorted), so that they wait
-- for, but never block, one another.
WITH wanted AS MATERIALIZED (
    SELECT *
    FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bytea[], $5::integer[], $6::bytea[])
        AS answers (place, caller, key, body_sha, status, body)
),
recorded AS (
    INSERT INTO idempotency_record AS held (caller, key, body_sha, status, body)
    SELECT caller, key, body_sha, status, body FROM wanted ORDER BY caller COLLATE "C", key
    ON CONFLICT (caller, key) DO UPDATE
    SET body_sha = excluded.body_sha,
        status = excluded.status,
        body = excluded.body,
        at = excluded.at
    WHERE held.at <= now() - interval '24 hours'
    RETURNING caller, key
),
answered AS MATERIALIZED (
    -- IS TRUE keeps it from becoming a join, and so a hashed look-up.
    SELECT place FROM wanted WHERE ((caller, key) IN (SELECT caller, key FROM recorded)) IS TRUE
),
steps AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $7::bigint[], $8::text[], $9::integer[], $10::text[], $11::text[], $12::boolean[],
        $13::bigint[], $14::text[], $15::bigint[], $16::text[], $17::jsonb[],
        $18::text[], $19::text[], $20::text[], $21::bytea[]
    ) AS steps (
        place, id, revision, kind, state, counted,
        expires_ms, order_ref, acknowledged_ms, price_token, detail,
        customer, channel, caller, lines
    )
),
opened AS (
    INSERT INTO reservation (
        id, revision, state, counted, expires_ms, order_ref, acknowledged_ms, price_token,
        customer, channel, caller, lines
    )
    SELECT
        id, revision, state, counted, expires_ms, order_ref, acknowledged_ms, price_token,
        customer, channel, caller, lines
    FROM steps
    WHERE channel IS NOT NULL AND (
        place IN (SELECT place FROM answered) OR place NOT IN (SELECT place FROM wanted)
    )
    ORDER BY id COLLATE "C"
    RETURNING id
),
locked AS MATERIALIZED (
    SELECT steps.*
    FROM steps
    JOIN reservation
        ON reservation.id = steps.id
        AND reservation.revision = steps.revision - 1
        AND reservation.state <> 'void'
    WHERE steps.channel IS NULL
    ORDER BY reservation.id
    FOR UPDATE OF reservation
),
moved AS (
    UPDATE reservation
    SET revision = locked.revision,
        state = locked.state,
        counted = locked.counted,
        expires_ms = locked.expires_ms,
        order_ref = locked.order_ref,
        acknowledged_ms = locked.acknowledged_ms,
        price_token = locked.price_token,
        confirmed_at = CASE
            WHEN locked.state = 'confirmed' THEN coalesce(reservation.confirmed_at, now())
            ELSE reservation.confirmed_at
        END,
        changed_at = now()
    FROM locked
    WHERE reservation.id = locked.id
    RETURNING locked.place, reservation.order_ref
),
written AS (
    INSERT INTO reservation_event (reservation, revision, kind, state, detail)
    SELECT id, revision, kind, state, detail
    FROM steps
    WHERE id IN (SELECT id FROM opened) OR place IN (SELECT place FROM moved)
)
SELECT 'answer' AS what, place, NULL::bigint AS acknowledged_ms, NULL AS status
FROM answered
UNION ALL
SELECT 'step', moved.place, order_ack.acknowledged_ms, order_ack.status
FROM moved
LEFT JOIN order_ack ON order_ack.order_ref = moved.order_ref
