-- Writes a hold or a refusal with its answer, and takes the units: within the transaction that has
-- the stock rows locked.
--
-- $1 id, $2 when it ends, $3 caller, $4 idempotency key, $5 hash of the body
-- $6 state 'held' or 'refused', $7 the answer's bytes
-- $8 text[], $9 text[], $10 numeric[]   SKU, location and units of each line; none of a refusal
-- Returns   one row: state, answer; none when that caller has used the key before
WITH made AS (
    INSERT INTO hold (id, expires_at, caller, idempotency_key, body_sha256, state, answer)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (caller, idempotency_key) DO NOTHING
    RETURNING id, state, answer),
chosen AS (
    SELECT * FROM unnest($8::text[], $9::text[], $10::numeric[]) chosen (sku, location, quantity)),
line AS (
    INSERT INTO hold_line (hold_id, sku, location, quantity)
    SELECT id, sku, location, quantity FROM made, chosen),
took AS (
    UPDATE stock
       SET taken = taken + chosen.quantity
      FROM made, chosen
     WHERE stock.sku = chosen.sku AND stock.location = chosen.location)
SELECT state, answer FROM made
