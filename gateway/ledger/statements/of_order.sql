-- Arguments: $1 an order's reference
-- Results: its reservations
-- Reads one moment.
SELECT reservation.* FROM reservation WHERE order_ref = $1 ORDER BY id
