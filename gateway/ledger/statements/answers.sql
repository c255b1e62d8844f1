-- Arguments: $1 callers, $2 keys, of equal length, no pair twice
-- Results: the answers given under them in the last 24 hours
-- Reads one moment.
SELECT record.caller, record.key, record.body_sha, record.status, record.body
FROM unnest($1::text[], $2::bytea[]) AS asked (caller, key)
JOIN idempotency_record AS record ON record.caller = asked.caller AND record.key = asked.key
WHERE record.at > now() - interval '24 hours'
