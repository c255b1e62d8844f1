-- What has changed since a mark, and the next mark.
--
-- Arguments: $1 a mark, $2 how many events at most (all of a transaction are given together)
-- Results: mark, and a reservation; one row with no reservation (id NULL) when nothing changed
--
-- A mark is a transaction's id. Everything below `settled` is over, committed or not, and each such
-- event is given once. What has committed above it is given as well, and will be again: the mark
-- does not pass what may still commit. If a foreign transaction runs for hours, its like are given
-- until it ends, the newest first, and none is lost. A mark from the future is another server's:
-- everything is given again.
-- Reads one moment.
WITH horizon AS MATERIALIZED (
    SELECT
        pg_snapshot_xmin(present)::text::bigint AS settled,
        pg_snapshot_xmax(present)::text::bigint AS future
    FROM pg_current_snapshot() AS present
),
since AS MATERIALIZED (
    SELECT CASE WHEN $1::bigint > future THEN 0 ELSE $1 END AS mark FROM horizon
),
page AS MATERIALIZED (
    SELECT reservation, xact
    FROM reservation_event
    WHERE kind NOT IN ('absorbed', 'overdue', 'voided')
        AND xact >= (SELECT mark FROM since)
        AND xact < (SELECT settled FROM horizon)
    ORDER BY xact
    FETCH FIRST $2 ROWS WITH TIES
),
early AS MATERIALIZED (
    SELECT reservation
    FROM reservation_event
    WHERE kind NOT IN ('absorbed', 'overdue', 'voided')
        AND xact >= (SELECT settled FROM horizon)
        AND xact < (SELECT future FROM horizon)
        AND (SELECT count(*) FROM page) < $2
    ORDER BY xact DESC
    LIMIT $2
),
next AS (
    SELECT CASE
        WHEN (SELECT count(*) FROM page) < $2 THEN (SELECT settled FROM horizon)
        ELSE (SELECT max(xact) + 1 FROM page)
    END AS mark
)
SELECT next.mark, changed.*
FROM next
LEFT JOIN (
    SELECT reservation.*
    FROM (SELECT reservation AS id FROM page UNION SELECT reservation FROM early) AS touched
    JOIN reservation ON reservation.id = touched.id
    WHERE reservation.state <> 'void'
) AS changed ON true
