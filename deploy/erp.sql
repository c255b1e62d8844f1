-- The ERP that compose.yaml plays: three tables, a few rows, and a role that can only read.
-- Run once, by psql, in an empty database. Needs ERP_PASSWORD in the environment.
\set ON_ERROR_STOP on
\getenv erp_password ERP_PASSWORD

CREATE SCHEMA erp;

CREATE TABLE erp.item (
    sku text PRIMARY KEY,
    name text NOT NULL,
    item_group text NOT NULL,
    discontinued boolean NOT NULL DEFAULT false,
    made_to_order boolean NOT NULL DEFAULT false,
    lead_time_days integer
);

CREATE TABLE erp.warehouse (
    code text PRIMARY KEY,
    name text NOT NULL,
    is_shop boolean NOT NULL DEFAULT false,
    packing_days integer NOT NULL DEFAULT 0
);

CREATE TABLE erp.stock (
    item text NOT NULL REFERENCES erp.item,
    warehouse text NOT NULL REFERENCES erp.warehouse,
    on_hand numeric(12, 3) NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
    ordered_by_customers numeric(12, 3) NOT NULL DEFAULT 0 CHECK (ordered_by_customers >= 0),
    safety_stock numeric(12, 3) NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (item, warehouse)
);

-- The delta feed asks for what changed since it last looked.
CREATE INDEX stock_changed_at ON erp.stock (changed_at);

CREATE FUNCTION erp.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER touch BEFORE UPDATE ON erp.stock FOR EACH ROW EXECUTE FUNCTION erp.touch();

INSERT INTO erp.warehouse (code, name, is_shop, packing_days) VALUES
    ('MAIN', 'Main warehouse', false, 1),
    ('SHOP', 'Shop in town', true, 0);

INSERT INTO erp.item (sku, name, item_group, discontinued, made_to_order, lead_time_days) VALUES
    ('CHAIR-OAK', 'Chair, oak', 'chairs', false, false, NULL),
    ('CHAIR-ASH', 'Chair, ash', 'chairs', false, false, NULL),
    ('TABLE-OAK', 'Table, oak', 'tables', false, true, 21),
    ('LAMP-1968', 'Lamp, 1968', 'lamps', true, false, NULL),
    ('ROPE/8', 'Rope, 8 mm, by the metre', 'hardware', false, false, NULL);

INSERT INTO erp.stock (item, warehouse, on_hand, ordered_by_customers, safety_stock) VALUES
    ('CHAIR-OAK', 'MAIN', 48, 4, 2),
    ('CHAIR-OAK', 'SHOP', 3, 0, 1),
    ('CHAIR-ASH', 'MAIN', 3, 0, 0),
    ('TABLE-OAK', 'MAIN', 0, 0, 0),
    ('LAMP-1968', 'SHOP', 0, 0, 0),
    ('ROPE/8', 'MAIN', 512.5, 12.25, 0);

CREATE ROLE stockspan_reader LOGIN PASSWORD :'erp_password';
GRANT USAGE ON SCHEMA erp TO stockspan_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA erp TO stockspan_reader;
