-- Remember what the ERP says of orders.
--
-- Arguments, arrays of equal length: $1 order_ref (none twice), $2 acknowledged_ms, $3 status
-- Results: none
-- Whatever the order in which they arrive, the same is remembered in the end: a cancellation wins,
-- and of two of a kind the earlier time, from which on the ERP's figures have it.
--
-- Atomic: one statement, rows locked in the order of the references.
INSERT INTO order_ack AS held (order_ref, acknowledged_ms, status)
SELECT order_ref, acknowledged_ms, status
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS told (order_ref, acknowledged_ms, status)
ORDER BY order_ref COLLATE "C"
ON CONFLICT (order_ref) DO UPDATE
SET acknowledged_ms = excluded.acknowledged_ms, status = excluded.status
WHERE (held.status = 'accepted' AND excluded.status = 'cancelled')
    OR (held.status = excluded.status AND held.acknowledged_ms > excluded.acknowledged_ms)
