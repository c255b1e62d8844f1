-- Confirms a hold, in one statement, which is a transaction of its own.
--
-- $1 id, $2 order_ref
-- Returns   state before, whether its time is over, order_ref before, the first answer; or nothing
WITH locked AS MATERIALIZED (
    SELECT id, state, state = 'held' AND expires_at <= now() AS over, order_ref, answer
      FROM hold
     WHERE id = $1
       FOR UPDATE),
done AS (
    UPDATE hold
       SET state = 'confirmed', order_ref = $2
      FROM locked
     WHERE hold.id = locked.id AND locked.state = 'held' AND NOT locked.over)
SELECT state, over, order_ref, answer FROM locked
