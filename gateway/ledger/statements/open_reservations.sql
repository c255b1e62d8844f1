-- Arguments: $1 the last id of the page before ('' at first), $2 how many at most
-- Results: the next reservations whose units are taken, by id
-- Reads one moment; each page another.
SELECT reservation.* FROM reservation WHERE counted AND id > $1 ORDER BY id LIMIT $2
