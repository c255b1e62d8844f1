-- Reservations, their journal, and what was answered and acknowledged.
--
-- reservation_event is only ever added to; reservation is its fold, kept in the same transaction.
-- Times named *_at are this database's clock; times named *_ms are milliseconds since the epoch by
-- the clock of Redis or the ERP, and only ever compared with figures of the same kind.
-- Names sort by code point, whatever the database's language: pages and lock order rely on it.

CREATE TABLE reservation (
    id text COLLATE "C" PRIMARY KEY,
    -- Counts the steps from 1; 0 is a void: an id that must never be opened.
    revision integer NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN (
        'held', 'confirmed', 'acknowledged', 'released', 'expired', 'cancelled', 'void'
    )),
    -- Whether its units are taken: of an acknowledged order until the ERP's figure has them.
    counted boolean NOT NULL,
    expires_ms bigint NOT NULL,
    order_ref text COLLATE "C",
    acknowledged_ms bigint,
    customer text COLLATE "C",
    channel text COLLATE "C" NOT NULL,
    caller text COLLATE "C" NOT NULL,
    lines bytea NOT NULL, -- MessagePack of Reservation.lines
    price_token text COLLATE "C",
    opened_at timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    -- When somebody was told that the ERP has not acknowledged the order in time.
    overdue_at timestamptz,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX reservation_counted ON reservation (id) WHERE counted;
CREATE INDEX reservation_held ON reservation (expires_ms) WHERE state = 'held';
CREATE INDEX reservation_confirmed ON reservation (confirmed_at) WHERE state = 'confirmed';
CREATE INDEX reservation_not_reminded ON reservation (confirmed_at)
WHERE state = 'confirmed' AND overdue_at IS NULL;
CREATE INDEX reservation_order ON reservation (order_ref) WHERE order_ref IS NOT NULL;
CREATE INDEX reservation_state ON reservation (state, changed_at);

CREATE TABLE reservation_event (
    number bigint GENERATED ALWAYS AS IDENTITY,
    reservation text COLLATE "C" NOT NULL,
    revision integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    -- Numbers are given out before the commit, and commits come in any order: who reads on from a
    -- number may miss what commits late. The transaction's id tells what can still come.
    xact bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    -- The whole reservation when it is opened; of later steps what they may have changed.
    detail jsonb,
    PRIMARY KEY (xact, number)
);

-- An 'absorbed' is no step: the units are in the ERP's figure, the reservation stays as it is. Nor is
-- an 'overdue': the ERP has not acknowledged the order in time, and somebody was told.
CREATE UNIQUE INDEX reservation_event_step ON reservation_event (reservation, revision)
WHERE kind NOT IN ('absorbed', 'overdue');

CREATE TABLE idempotency_record (
    caller text COLLATE "C" NOT NULL,
    key bytea NOT NULL, -- UTF-8, but a caller may send what is none
    body_sha bytea NOT NULL,
    status integer NOT NULL,
    body bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, key)
);

CREATE INDEX idempotency_record_at ON idempotency_record (at);

CREATE TABLE order_ack (
    order_ref text COLLATE "C" PRIMARY KEY,
    acknowledged_ms bigint NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('accepted', 'cancelled')),
    remembered_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX order_ack_cancelled ON order_ack (order_ref) WHERE status = 'cancelled';
CREATE INDEX order_ack_remembered ON order_ack (remembered_at);
