-- Arguments: $1 a time or NULL, $2 how many at most
-- Results: orders that the ERP has not acknowledged, confirmed before that time, oldest first
-- Reads one moment.
SELECT reservation.*
FROM reservation
WHERE state = 'confirmed' AND confirmed_at < coalesce($1::timestamptz, 'infinity')
ORDER BY confirmed_at
LIMIT $2
