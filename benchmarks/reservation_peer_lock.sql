-- Locks the stock rows of some SKUs, always in the same order, and tells what is free.
--
-- $1 text[]   the SKUs
-- Returns     sku, location, free; for each SKU the location to take first comes first
SELECT sku, location, quantity - taken AS free
  FROM stock
 WHERE sku = ANY ($1)
 ORDER BY sku, priority DESC, location
   FOR UPDATE
