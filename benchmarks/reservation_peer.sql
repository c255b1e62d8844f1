-- The tables of the peer of reservations (benchmarks/reservation_peer.py).
--
-- What is taken of a stock row stands in the row: nothing is added up to hold one more. Fill factors
-- leave room for the next versions in the same page, so an update touches no index. Left out, in the
-- peer's favour: foreign keys, an index to find the holds whose time is over, one for order_ref.

CREATE TABLE stock (
    sku text NOT NULL,
    location text NOT NULL,
    priority int NOT NULL DEFAULT 0,
    quantity numeric(14, 3) NOT NULL,
    taken numeric(14, 3) NOT NULL DEFAULT 0,
    PRIMARY KEY (sku, location)
) WITH (fillfactor = 50);

-- Refusals are kept as well: the same key is given the same answer, whatever it was.
CREATE TABLE hold (
    id text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('held', 'confirmed', 'released', 'expired', 'refused')),
    expires_at timestamptz NOT NULL,
    order_ref text,
    caller text NOT NULL,
    idempotency_key text NOT NULL,
    body_sha256 bytea NOT NULL,
    answer bytea NOT NULL,
    UNIQUE (caller, idempotency_key)
) WITH (fillfactor = 50);

CREATE TABLE hold_line (
    hold_id text NOT NULL,
    sku text NOT NULL,
    location text NOT NULL,
    quantity numeric(14, 3) NOT NULL,
    PRIMARY KEY (hold_id, sku, location)
);
