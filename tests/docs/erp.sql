-- The ERP that the pages about feeds tell of: the tables and columns that their queries name.
CREATE TABLE inventory (
    item_no text, warehouse text, on_hand numeric(14,3), reserved numeric(14,3),
    row_version bigint, changed_at timestamp, PRIMARY KEY (item_no, warehouse)
);
INSERT INTO inventory VALUES ('A-100', 'W1', 31, 0, 1, now());
CREATE TABLE price_list (
    code text PRIMARY KEY, currency text, layer text, priority int, with_vat boolean,
    starts timestamp, last_day date
);
CREATE TABLE agreement (list text, customer_no int);
CREATE TABLE price_row (
    list_code text, item_no text, item_group text, from_qty numeric(14,3), price numeric(14,4),
    percent numeric(9,6), changed_at timestamptz, row_version bigint
);
CREATE TABLE customer (
    customer_no int PRIMARY KEY, name text, currency text, discount_class text,
    stopped boolean, over_limit boolean
);
CREATE TABLE customer_group (customer_no int, group_no int);
CREATE TABLE discount_matrix (customer_class text, item_class text, percent numeric(9,6));
CREATE TABLE sales_order (
    shop_reference text, taken_at timestamptz, cancelled boolean DEFAULT false,
    changed_at timestamptz
);
INSERT INTO sales_order VALUES ('W-1001');
CREATE TABLE stock (
    sku text, location text, quantity numeric(14,3), version bigint, updated_at timestamptz
);
CREATE TABLE stock_balance (item_no text, warehouse_code text, on_hand numeric(14,3));
CREATE TABLE purchase_order_line (item_no text, open_quantity numeric(14,3), expected_on date);
