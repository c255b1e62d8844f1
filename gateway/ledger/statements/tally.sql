-- How many reservations take units.
--
-- Arguments: none
-- Results: their number, for each state in which there are any
-- Reads one moment, and only what is open: an index has it.
SELECT state, count(*) AS reservations FROM reservation WHERE counted GROUP BY state
