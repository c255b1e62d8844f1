-- Holds all lines or none, in one statement, which is a transaction of its own.
--
-- $1 id, $2 when it ends, $3 caller, $4 idempotency key, $5 hash of the body
-- $6 text[], $7 text[], $8 numeric[]   SKU, location or null, and units of each line
-- $9 the answer when held, up to the lines; $10 that when refused
-- Returns   one row: state, answer; none when that caller has used the key before
--
-- Rows are locked in one order; whoever waited for a lock sees the row as it is then, and so does
-- the update, which adds to it.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($6::text[], $7::text[], $8::numeric[]) asked (sku, location, quantity)),
locked AS MATERIALIZED (
    SELECT sku, location, priority, quantity - taken AS free
      FROM stock
     WHERE sku = ANY ($6)
     ORDER BY sku, priority DESC, location
       FOR UPDATE),
chosen AS MATERIALIZED (
    SELECT DISTINCT ON (sku, asked.location) sku, locked.location, asked.quantity
      FROM asked JOIN locked USING (sku)
     WHERE free >= asked.quantity AND coalesce(asked.location = locked.location, true)
     ORDER BY sku, asked.location, priority DESC, locked.location),
judged AS (
    SELECT count(*) = cardinality($6) AS enough,
           string_agg(format(
               '{"sku":%s,"quantity":%s,"allocations":[{"location":%s,"quantity":%s}]}',
               to_json(sku), quantity, to_json(location), quantity), ',') AS lines
      FROM chosen),
made AS (
    INSERT INTO hold (id, state, expires_at, caller, idempotency_key, body_sha256, answer)
    SELECT $1, CASE WHEN enough THEN 'held' ELSE 'refused' END, $2, $3, $4, $5,
           convert_to(CASE WHEN enough THEN $9 || lines || ']}' ELSE $10 END, 'UTF8')
      FROM judged
    ON CONFLICT (caller, idempotency_key) DO NOTHING
    RETURNING id, state, answer),
line AS (
    INSERT INTO hold_line (hold_id, sku, location, quantity)
    SELECT id, sku, location, quantity FROM made, chosen WHERE state = 'held'),
took AS (
    UPDATE stock
       SET taken = taken + chosen.quantity
      FROM made, chosen
     WHERE state = 'held' AND stock.sku = chosen.sku AND stock.location = chosen.location)
SELECT state, answer FROM made
