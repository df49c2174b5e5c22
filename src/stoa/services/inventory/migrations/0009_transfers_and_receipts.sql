--! compatible with 0003

-- Goods on their way from one warehouse to another. What was sent is received, lost, back at its source or on the way:
-- the last of these is what is left, and never less than nothing.
CREATE TABLE transfers (
    id          uuid PRIMARY KEY,
    source      text NOT NULL REFERENCES warehouses,
    destination text NOT NULL REFERENCES warehouses,
    state       text NOT NULL CHECK (state IN ('draft', 'sent', 'received', 'canceled')),
    expected_on date,
    note        text NOT NULL DEFAULT '',
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT transfers_go_somewhere CHECK (source <> destination)
);
CREATE INDEX transfers_of_state ON transfers (state, id);

CREATE TABLE transfer_lines (
    transfer_id uuid NOT NULL REFERENCES transfers,
    sku         text NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
    quantity    bigint NOT NULL CHECK (quantity > 0),
    sent        bigint NOT NULL DEFAULT 0,
    received    bigint NOT NULL DEFAULT 0,
    lost        bigint NOT NULL DEFAULT 0,
    returned    bigint NOT NULL DEFAULT 0,
    on_the_way  bigint GENERATED ALWAYS AS (sent - received - lost - returned) STORED,
    PRIMARY KEY (transfer_id, sku),
    CONSTRAINT transfer_lines_sent CHECK (sent IN (0, quantity)),
    CONSTRAINT transfer_lines_conserve CHECK (
        received >= 0 AND lost >= 0 AND returned >= 0 AND received + lost + returned <= sent
    )
);
CREATE INDEX transfer_lines_on_the_way ON transfer_lines (sku) WHERE on_the_way > 0;

-- What was ordered of a supplier and comes in, in one delivery or in several.
CREATE TABLE receipts (
    id           uuid PRIMARY KEY,
    supplier     text NOT NULL CHECK (length(supplier) BETWEEN 1 AND 200),
    reference    text NOT NULL DEFAULT '',
    warehouse_id text NOT NULL REFERENCES warehouses,
    state        text NOT NULL CHECK (state IN ('expected', 'received', 'canceled')),
    expected_on  date,
    note         text NOT NULL DEFAULT '',
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX receipts_of_state ON receipts (state, id);

CREATE TABLE receipt_lines (
    receipt_id uuid NOT NULL REFERENCES receipts,
    sku        text NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
    ordered    bigint NOT NULL CHECK (ordered > 0),
    -- More than was ordered where somebody has said so.
    received   bigint NOT NULL DEFAULT 0 CHECK (received >= 0),
    canceled   bigint NOT NULL DEFAULT 0,
    incoming   bigint GENERATED ALWAYS AS (greatest(ordered - received - canceled, 0)) STORED,
    PRIMARY KEY (receipt_id, sku),
    CONSTRAINT receipt_lines_canceled CHECK (0 <= canceled AND canceled <= greatest(ordered - received, 0))
);
CREATE INDEX receipt_lines_incoming ON receipt_lines (sku) WHERE incoming > 0;
