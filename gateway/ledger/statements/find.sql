-- Arguments: $1 ids
-- Results: the reservations among them
-- Reads one moment.
SELECT reservation.* FROM reservation WHERE id = ANY($1::text[]) AND state <> 'void'
