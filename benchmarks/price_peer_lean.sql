-- The prices of a basket, by one query (CONTRACT 4, strategy `most_specific`, without breaks).
--
-- $1 customer   $2 channel   $3 currency   $4 the moment   $5 SKUs   $6 their quantities
-- Returns one row a line, in order; unit_price is NULL where no price is agreed.
--
-- The candidates of all lines are fetched once through the index on price (target, …), for the
-- half dozen lists that apply; then the base price of each line is chosen, percentages become
-- prices, and the first by the order of precedence wins.
WITH buyer AS (
    SELECT groups, discount_class FROM customer WHERE customer = $1),
lists AS MATERIALIZED (
    SELECT price_list, layer, priority FROM price_list
     WHERE customer = $1 AND currency = $3
       AND (valid_from IS NULL OR valid_from <= $4) AND (valid_until IS NULL OR $4 < valid_until)
     UNION ALL
    SELECT price_list, layer, priority FROM price_list
     WHERE customer IS NULL AND currency = $3
       AND (customer_group IS NULL OR customer_group = ANY ((SELECT groups FROM buyer)::text[]))
       AND (channel IS NULL OR channel = $2)
       AND (valid_from IS NULL OR valid_from <= $4) AND (valid_until IS NULL OR $4 < valid_until)),
line AS MATERIALIZED (
    SELECT place, sku, quantity, product_group, discount_class, tax_rate
      FROM unnest($5::text[], $6::numeric[]) WITH ORDINALITY asked (sku, quantity, place)
      JOIN product USING (sku)),
target AS (
    SELECT place, quantity, 2 AS scope, sku AS target FROM line
     UNION ALL
    SELECT place, quantity, 1, product_group FROM line WHERE product_group IS NOT NULL
     UNION ALL
    SELECT place, quantity, 0, '' FROM line),
candidate AS MATERIALIZED (
    SELECT place, layer, scope, priority, min_quantity, price_list, unit_price, discount_percent
      FROM target
      CROSS JOIN LATERAL (
           SELECT price_list, min_quantity, unit_price, discount_percent FROM price
            WHERE price.target = target.target AND price.scope = target.scope
              AND price.price_list = ANY (ARRAY(SELECT price_list FROM lists))
              AND price.min_quantity <= target.quantity
              AND (valid_from IS NULL OR valid_from <= $4)
              AND (valid_until IS NULL OR $4 < valid_until)) row
      JOIN lists USING (price_list)
     UNION ALL
    SELECT place, 2, 0, 0, 1, 'discounts', NULL, d.discount_percent
      FROM line
      JOIN discount d ON d.product_discount_class = line.discount_class
                     AND d.discount_class = (SELECT discount_class FROM buyer)
     WHERE quantity >= 1),
base AS (
    SELECT DISTINCT ON (place) place, unit_price AS base_price
      FROM candidate
     WHERE layer <= 1 AND unit_price IS NOT NULL
     ORDER BY place, layer, scope DESC, priority DESC, min_quantity DESC, unit_price, price_list),
priced AS (
    SELECT candidate.*, base_price,
           coalesce(unit_price, round(base_price * (100 - discount_percent) / 100, 4)) AS price
      FROM candidate LEFT JOIN base USING (place)),
won AS (
    SELECT DISTINCT ON (place) place, price, base_price, price_list, layer, min_quantity
      FROM priced
     WHERE price IS NOT NULL
     ORDER BY place, layer DESC, scope DESC, priority DESC, min_quantity DESC, price, price_list)
SELECT sku, quantity, price AS unit_price, base_price, price_list, layer, min_quantity,
       net AS line_net, round(net * tax_rate, 2) AS line_tax
  FROM line
  LEFT JOIN won USING (place)
  CROSS JOIN LATERAL (SELECT round(price * quantity, 2) AS net) amount
 ORDER BY place
