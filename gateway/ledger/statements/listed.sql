-- Arguments: $1 states, $2 how many at most
-- Results: the reservations in these states that changed last, newest first
-- Reads one moment. The newest of each state, so that an index finds them.
SELECT newest.*
FROM unnest($1::text[]) AS asked (state)
CROSS JOIN LATERAL (
    SELECT reservation.*
    FROM reservation
    WHERE reservation.state = asked.state
    ORDER BY reservation.changed_at DESC
    LIMIT $2
) AS newest
ORDER BY newest.changed_at DESC, newest.id
LIMIT $2
