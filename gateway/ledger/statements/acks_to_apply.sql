-- Reservations that do not yet know what the ERP has said of their order.
--
-- Arguments: $1 how many at most
-- Results: the reservation, ack_ms, ack_status
-- Reads one moment.
(
    SELECT reservation.*, order_ack.acknowledged_ms AS ack_ms, order_ack.status AS ack_status
    FROM reservation
    JOIN order_ack ON order_ack.order_ref = reservation.order_ref
    WHERE reservation.state = 'confirmed'
    ORDER BY reservation.confirmed_at
    LIMIT $1
)
UNION ALL
(
    SELECT reservation.*, order_ack.acknowledged_ms AS ack_ms, order_ack.status AS ack_status
    FROM order_ack
    CROSS JOIN LATERAL (
        SELECT reservation.*
        FROM reservation
        -- IS TRUE keeps it from the index by state, OFFSET from beginning with the orders: those
        -- that are acknowledged grow without end, those that are cancelled later are few.
        WHERE reservation.order_ref = order_ack.order_ref
            AND (reservation.state = 'acknowledged') IS TRUE
        OFFSET 0
    ) AS reservation
    WHERE order_ack.status = 'cancelled'
    LIMIT $1
)
LIMIT $1
