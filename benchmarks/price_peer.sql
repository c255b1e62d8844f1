-- The prices of a basket with their breaks, by one query (CONTRACT 4, strategy `most_specific`).
--
-- $1 customer   $2 channel   $3 currency   $4 the moment   $5 SKUs   $6 their quantities
-- Returns one row a line, in order; unit_price is NULL where no price is agreed, and `starts` and
-- `prices` are the quantities at which the unit price changes, and to what.
--
-- The candidates of all lines are fetched once through the index on price (target, …), for the
-- half dozen lists that apply. Each line is then resolved at every quantity at which a candidate
-- begins: the base price is chosen, percentages become prices, and the first by the order of
-- precedence wins. The line's own price is that of the last such step that its quantity reaches.
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
    SELECT place, 2 AS scope, sku AS target FROM line
     UNION ALL
    SELECT place, 1, product_group FROM line WHERE product_group IS NOT NULL
     UNION ALL
    SELECT place, 0, '' FROM line),
candidate AS MATERIALIZED (
    SELECT place, layer, scope, priority, min_quantity, price_list, unit_price, discount_percent
      FROM target
      CROSS JOIN LATERAL (
           SELECT price_list, min_quantity, unit_price, discount_percent FROM price
            WHERE price.target = target.target AND price.scope = target.scope
              AND price.price_list = ANY (ARRAY(SELECT price_list FROM lists))
              AND (valid_from IS NULL OR valid_from <= $4)
              AND (valid_until IS NULL OR $4 < valid_until)) row
      JOIN lists USING (price_list)
     UNION ALL
    SELECT place, 2, 0, 0, 1, 'discounts', NULL, d.discount_percent
      FROM line
      JOIN discount d ON d.product_discount_class = line.discount_class
                     AND d.discount_class = (SELECT discount_class FROM buyer)),
step AS (
    SELECT DISTINCT place, min_quantity AS start FROM candidate),
standing AS MATERIALIZED (
    SELECT start, candidate.* FROM step JOIN candidate USING (place) WHERE min_quantity <= start),
base AS (
    SELECT DISTINCT ON (place, start) place, start, unit_price AS base_price
      FROM standing
     WHERE layer <= 1 AND unit_price IS NOT NULL
     ORDER BY place, start, layer, scope DESC, priority DESC, min_quantity DESC, unit_price,
              price_list),
priced AS (
    SELECT standing.*, base_price,
           coalesce(unit_price, round(base_price * (100 - discount_percent) / 100, 4)) AS price
      FROM standing LEFT JOIN base USING (place, start)),
won AS MATERIALIZED (
    SELECT DISTINCT ON (place, start)
           place, start, price, base_price, price_list, layer, min_quantity
      FROM priced
     WHERE price IS NOT NULL
     ORDER BY place, start, layer DESC, scope DESC, priority DESC, min_quantity DESC, price,
              price_list),
broken AS (
    SELECT place, array_agg(start ORDER BY start) AS starts, array_agg(price ORDER BY start) AS prices
      FROM (SELECT place, start, price,
                   lag(price) OVER (PARTITION BY place ORDER BY start) AS before
              FROM won) changes
     WHERE price IS DISTINCT FROM before
     GROUP BY place),
reached AS (
    SELECT DISTINCT ON (place) won.*
      FROM line JOIN won USING (place)
     WHERE start <= quantity
     ORDER BY place, start DESC)
SELECT sku, quantity, price AS unit_price, base_price, price_list, layer, min_quantity,
       net AS line_net, round(net * tax_rate, 2) AS line_tax, starts, prices
  FROM line
  LEFT JOIN reached USING (place)
  LEFT JOIN broken USING (place)
  CROSS JOIN LATERAL (SELECT round(price * quantity, 2) AS net) amount
 ORDER BY place
