-- How many orders wait for the ERP's word.
--
-- Arguments: none
-- Results: their number, and when the oldest was confirmed (NULL: none waits)
-- Reads one moment.
SELECT count(*) AS orders, min(confirmed_at) AS oldest
FROM reservation
WHERE state = 'confirmed'
