-- The sample ERP: a hardware wholesaler with two warehouses and two stores.
-- Names and habits are an ERP's, not Stockspan's: the queries in feeds.toml do the mapping.
-- Here is what lies on the shelves; trade.sql has customers and prices.

-- Every change of a row gets the next number and the time, kept by trigger: what a reader
-- needs to take over only what changed, and to tell the newer of two rows. A new row may bring
-- the time of a change before it came here.
CREATE SEQUENCE row_version;

CREATE FUNCTION stamp_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR NEW.changed_at IS NULL THEN
        NEW.changed_at := clock_timestamp();
    END IF;
    NEW.row_version := nextval('row_version');
    RETURN NEW;
END $$;

CREATE TABLE item_group (
    group_code  text PRIMARY KEY,
    description text NOT NULL
);

CREATE TABLE item (
    item_no            text PRIMARY KEY,
    description        text NOT NULL,
    group_code         text NOT NULL REFERENCES item_group,
    unit               text NOT NULL DEFAULT 'EA',
    life_cycle         text NOT NULL DEFAULT 'active'
                       CHECK (life_cycle IN ('active', 'phase_out', 'announced')),
    launch_date        date CHECK (life_cycle <> 'announced' OR launch_date IS NOT NULL),
    purchase_lead_days integer,                            -- from our order to our shelf
    procure_to_order   boolean NOT NULL DEFAULT false,     -- may be sold without stock
    min_order_quantity numeric(14,3) NOT NULL DEFAULT 0,
    quantity_multiple  numeric(14,3) NOT NULL DEFAULT 0,   -- 0: any; 100: by the hundred
    max_order_quantity numeric(14,3),
    discount_group     text,                               -- see class_discount; NULL: sold net
    sales_range        text,                               -- only for customers it is open to
    vat_percent        numeric(5,2) NOT NULL DEFAULT 21,
    handling_class     text,                               -- how it is stored: piece, hundred, metre, bulky
    abc_class          text NOT NULL DEFAULT 'C',          -- A sells most
    front_page         integer,                            -- place on the shop's first page
    changed_at         timestamptz NOT NULL,
    row_version        bigint NOT NULL
);
CREATE INDEX item_changed ON item (changed_at);
CREATE TRIGGER item_stamp BEFORE INSERT OR UPDATE ON item
    FOR EACH ROW EXECUTE FUNCTION stamp_change();

CREATE TABLE warehouse (
    warehouse_code text PRIMARY KEY,
    description    text NOT NULL,
    is_store       boolean NOT NULL DEFAULT false,
    pick_days      integer NOT NULL DEFAULT 0,             -- working days from order to dispatch
    ships          boolean NOT NULL DEFAULT true,
    collect        boolean NOT NULL DEFAULT false,         -- customers may fetch here
    pick_sequence  integer NOT NULL DEFAULT 0              -- picked from first: the highest
);

CREATE TABLE stock_balance (
    item_no        text NOT NULL REFERENCES item,
    warehouse_code text NOT NULL REFERENCES warehouse,
    on_hand        numeric(14,3) NOT NULL DEFAULT 0,       -- what lies on the shelf
    reserved       numeric(14,3) NOT NULL DEFAULT 0,       -- sold, not yet picked
    safety_stock   numeric(14,3) NOT NULL DEFAULT 0,       -- kept back
    changed_at     timestamptz NOT NULL,
    row_version    bigint NOT NULL,
    PRIMARY KEY (item_no, warehouse_code)
);
CREATE INDEX stock_balance_changed ON stock_balance (changed_at);
CREATE TRIGGER stock_balance_stamp BEFORE INSERT OR UPDATE ON stock_balance
    FOR EACH ROW EXECUTE FUNCTION stamp_change();

CREATE TABLE purchase_order (
    po_no      text PRIMARY KEY,
    supplier   text NOT NULL,
    ordered_on date NOT NULL
);

CREATE TABLE purchase_order_line (
    po_no          text NOT NULL REFERENCES purchase_order,
    line_no        integer NOT NULL,
    item_no        text NOT NULL REFERENCES item,
    warehouse_code text NOT NULL REFERENCES warehouse,
    open_quantity  numeric(14,3) NOT NULL CHECK (open_quantity > 0),
    expected_on    date NOT NULL,
    PRIMARY KEY (po_no, line_no)
);
CREATE INDEX purchase_order_line_item ON purchase_order_line (item_no, warehouse_code);

-- What is on its way belongs to the balance it will arrive at: a change of a line is a change there.
CREATE FUNCTION touch_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE stock_balance SET on_hand = on_hand
         WHERE item_no = OLD.item_no AND warehouse_code = OLD.warehouse_code;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO stock_balance (item_no, warehouse_code) VALUES (NEW.item_no, NEW.warehouse_code)
        ON CONFLICT (item_no, warehouse_code) DO UPDATE SET on_hand = stock_balance.on_hand;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER purchase_order_line_touch AFTER INSERT OR UPDATE OR DELETE ON purchase_order_line
    FOR EACH ROW EXECUTE FUNCTION touch_balance();

CREATE TABLE stock_movement (
    movement_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind           text NOT NULL CHECK (kind IN ('sale', 'receipt')),
    item_no        text NOT NULL REFERENCES item,
    warehouse_code text NOT NULL REFERENCES warehouse,
    quantity       numeric(14,3) NOT NULL
);

-- Sells from the warehouse (of those that ship, or of the stores) with the most left, all or
-- nothing; no row: not enough anywhere. One statement, so two tills cannot sell the same piece:
-- the second waits for the first one's row, finds it smaller, and updates it only while it suffices.
CREATE FUNCTION book_sale(sold_item text, sold_quantity numeric, in_store boolean DEFAULT false)
RETURNS SETOF stock_movement LANGUAGE sql AS $$
    WITH source AS (
        SELECT b.item_no, b.warehouse_code
          FROM stock_balance b JOIN warehouse w USING (warehouse_code)
         WHERE b.item_no = sold_item AND w.is_store = in_store
         ORDER BY b.on_hand - b.reserved - b.safety_stock DESC, w.pick_sequence DESC
         LIMIT 1
    ), sold AS (
        UPDATE stock_balance b SET on_hand = b.on_hand - sold_quantity
          FROM source
         WHERE b.item_no = source.item_no AND b.warehouse_code = source.warehouse_code
           AND b.on_hand - b.reserved - b.safety_stock >= sold_quantity
        RETURNING b.item_no, b.warehouse_code
    )
    INSERT INTO stock_movement (kind, item_no, warehouse_code, quantity)
    SELECT 'sale', item_no, warehouse_code, sold_quantity FROM sold
    RETURNING *
$$;

-- Takes in the earliest open purchase line of an item; no row: none is open.
CREATE FUNCTION book_receipt(received_item text)
RETURNS SETOF stock_movement LANGUAGE sql AS $$
    WITH arrived AS (
        DELETE FROM purchase_order_line
         WHERE (po_no, line_no) = (
               SELECT po_no, line_no FROM purchase_order_line
                WHERE item_no = received_item
                ORDER BY expected_on, po_no, line_no LIMIT 1 FOR UPDATE)
        RETURNING item_no, warehouse_code, open_quantity
    ), shelved AS (
        UPDATE stock_balance b SET on_hand = b.on_hand + arrived.open_quantity
          FROM arrived
         WHERE b.item_no = arrived.item_no AND b.warehouse_code = arrived.warehouse_code
        RETURNING b.item_no, b.warehouse_code, arrived.open_quantity
    )
    INSERT INTO stock_movement (kind, item_no, warehouse_code, quantity)
    SELECT 'receipt', item_no, warehouse_code, open_quantity FROM shelved
    RETURNING *
$$;
