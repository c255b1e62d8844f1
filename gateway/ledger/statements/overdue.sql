-- Arguments: $1 the present, in milliseconds by the store's clock; $2 how many at most
-- Results: holds whose time was over then, the longest overdue first
-- Reads one moment.
SELECT reservation.*
FROM reservation
WHERE state = 'held' AND expires_ms <= $1
ORDER BY expires_ms
LIMIT $2
