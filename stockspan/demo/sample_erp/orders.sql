-- The sample ERP: what customers ordered. Goes in after schema.sql and trade.sql.
--
--     received ──▶ accepted, from a moment on ──▶ dispatched
--         └──────────────┴──▶ cancelled
--
-- A shop that promises units itself must know which figures have an order in them and which do not,
-- or it counts the order twice, or not at all. Two rules see to that:
--
-- 1. A balance has an order's units in `reserved` exactly when its changed_at is at or after the
--    order's accepted_at. Whoever changes the balance then, a till or a clerk: a trigger takes in
--    what is due.
-- 2. accepted_at lies a little ahead when it is written. So a reader of orders hears of it before a
--    reader of balances sees a figure with the order in it.

CREATE TABLE sales_order (
    order_no      text PRIMARY KEY,
    customer_no   integer REFERENCES customer,             -- NULL: nobody in particular
    sales_channel text NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    status        text NOT NULL DEFAULT 'received'
                  CHECK (status IN ('received', 'accepted', 'cancelled')),
    accepted_at   timestamptz CHECK (status <> 'accepted' OR accepted_at IS NOT NULL),
    dispatched_at timestamptz CHECK (dispatched_at IS NULL OR status = 'accepted'),
    changed_at    timestamptz NOT NULL,
    row_version   bigint NOT NULL
);
CREATE INDEX sales_order_changed ON sales_order (changed_at);
CREATE TRIGGER sales_order_stamp BEFORE INSERT OR UPDATE ON sales_order
    FOR EACH ROW EXECUTE FUNCTION stamp_change();

CREATE TABLE sales_order_line (
    order_no       text NOT NULL REFERENCES sales_order,
    line_no        integer NOT NULL,
    item_no        text NOT NULL REFERENCES item,
    warehouse_code text NOT NULL REFERENCES warehouse,
    quantity       numeric(14,3) NOT NULL CHECK (quantity > 0),
    booked_at      timestamptz,                            -- since when its balance has it
    PRIMARY KEY (order_no, line_no)
);
CREATE INDEX sales_order_line_due ON sales_order_line (item_no, warehouse_code)
    WHERE booked_at IS NULL;

-- Takes into a balance that is about to change what is due there. Its name comes after that of the
-- stamp: triggers run in the order of their names, and the stamp decides what is due.
CREATE FUNCTION take_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH taken AS (
        UPDATE sales_order_line l SET booked_at = NEW.changed_at
          FROM sales_order o
         WHERE l.item_no = NEW.item_no AND l.warehouse_code = NEW.warehouse_code
           AND l.booked_at IS NULL AND o.order_no = l.order_no
           AND o.status = 'accepted' AND o.accepted_at <= NEW.changed_at
        RETURNING l.quantity
    )
    SELECT NEW.reserved + coalesce(sum(quantity), 0) INTO NEW.reserved FROM taken;
    RETURN NEW;
END $$;
CREATE TRIGGER stock_balance_take_orders BEFORE UPDATE ON stock_balance
    FOR EACH ROW EXECUTE FUNCTION take_orders();

-- Keeps everybody else from the balances of an order until this transaction ends. All functions
-- below begin with it, and it takes them in one order, so that none waits for another in a ring.
CREATE FUNCTION lock_balances(of_order text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stock_balance (item_no, warehouse_code)
    SELECT DISTINCT item_no, warehouse_code FROM sales_order_line WHERE order_no = of_order
     ORDER BY item_no, warehouse_code
    ON CONFLICT (item_no, warehouse_code) DO NOTHING;
    PERFORM FROM stock_balance
      WHERE (item_no, warehouse_code) IN
            (SELECT item_no, warehouse_code FROM sales_order_line WHERE order_no = of_order)
      ORDER BY item_no, warehouse_code FOR UPDATE;
END $$;

-- Accepts a received order from a moment `ahead` on, and gives that moment; NULL: there is none that
-- waits. The moment is chosen while nobody else can change the balances, so no figure without the
-- order is stamped at or after it. It is a whole millisecond, which is as fine as its readers read.
CREATE FUNCTION accept_order(accepted_order text, ahead interval DEFAULT '2.5 seconds')
RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
BEGIN
    PERFORM lock_balances(accepted_order);
    moment := date_trunc('milliseconds', clock_timestamp() + ahead) + interval '1 millisecond';
    UPDATE sales_order SET status = 'accepted', accepted_at = moment
     WHERE order_no = accepted_order AND status = 'received'
    RETURNING accepted_at INTO moment;
    RETURN moment;
END $$;

-- Changes the balances in which accepted orders are due, so that their figures have them; gives
-- how many. A balance that was changed meanwhile by somebody else has them already.
CREATE FUNCTION book_accepted() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    due     record;
    changed integer := 0;
BEGIN
    FOR due IN
        SELECT DISTINCT l.item_no, l.warehouse_code
          FROM sales_order_line l JOIN sales_order o USING (order_no)
         WHERE l.booked_at IS NULL AND o.status = 'accepted' AND o.accepted_at <= clock_timestamp()
         ORDER BY l.item_no, l.warehouse_code
    LOOP
        UPDATE stock_balance SET on_hand = on_hand
         WHERE item_no = due.item_no AND warehouse_code = due.warehouse_code;
        changed := changed + 1;
    END LOOP;
    RETURN changed;
END $$;

-- Calls an order off, accepted or not, and gives back what is reserved for it; false: there is none,
-- or it has left the house.
CREATE FUNCTION cancel_order(cancelled_order text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_balances(cancelled_order);
    UPDATE sales_order SET status = 'cancelled'
     WHERE order_no = cancelled_order AND status <> 'cancelled' AND dispatched_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE stock_balance b SET reserved = greatest(0, b.reserved - back.quantity)
      FROM (SELECT item_no, warehouse_code, sum(quantity) AS quantity FROM sales_order_line
             WHERE order_no = cancelled_order AND booked_at IS NOT NULL
             GROUP BY item_no, warehouse_code) back
     WHERE b.item_no = back.item_no AND b.warehouse_code = back.warehouse_code;
    RETURN true;
END $$;

-- Sends an order off: its units leave the shelf, and are reserved no more. False: there is none that
-- waits, a figure does not have it yet, or the shelf does not have it.
CREATE FUNCTION dispatch_order(dispatched_order text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_balances(dispatched_order);
    UPDATE sales_order SET dispatched_at = clock_timestamp()
     WHERE order_no = dispatched_order AND status = 'accepted' AND dispatched_at IS NULL
       AND NOT EXISTS (
           SELECT FROM sales_order_line l JOIN stock_balance b USING (item_no, warehouse_code)
            WHERE l.order_no = dispatched_order
            GROUP BY b.item_no, b.warehouse_code
           HAVING sum(l.quantity) > b.on_hand OR bool_or(l.booked_at IS NULL));
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE stock_balance b SET on_hand = b.on_hand - sent.quantity,
                               reserved = greatest(0, b.reserved - sent.quantity)
      FROM (SELECT item_no, warehouse_code, sum(quantity) AS quantity FROM sales_order_line
             WHERE order_no = dispatched_order GROUP BY item_no, warehouse_code) sent
     WHERE b.item_no = sent.item_no AND b.warehouse_code = sent.warehouse_code;
    INSERT INTO stock_movement (kind, item_no, warehouse_code, quantity)
    SELECT 'sale', item_no, warehouse_code, quantity FROM sales_order_line
     WHERE order_no = dispatched_order ORDER BY line_no;
    RETURN true;
END $$;
