-- Arguments: none
-- Results: mark (see changed_since.sql) of the present
-- Reads one moment.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS mark
