-- Stock by SKU and warehouse, what is promised of it, and every change of what is on hand.
--
-- Lock order, everywhere: reservations by key, then items by SKU. Stock is changed only under its item's lock.

CREATE TABLE warehouses (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(id) <= 64),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- The lower, the earlier it is drawn from.
    priority   integer NOT NULL CHECK (priority BETWEEN 0 AND 1000000),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO warehouses (id, name, priority) VALUES ('main', 'Main warehouse', 100);

-- A SKU that has stock. Its row is the lock for all its stock, so that totals over warehouses are exact.
CREATE TABLE items (
    sku        text PRIMARY KEY CHECK (length(sku) BETWEEN 1 AND 64),
    -- The seller who keeps this stock; null: the shop itself.
    seller_id  uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE stock (
    sku          text NOT NULL REFERENCES items,
    warehouse_id text NOT NULL REFERENCES warehouses,
    on_hand      bigint NOT NULL DEFAULT 0,
    reserved     bigint NOT NULL DEFAULT 0,
    available    bigint GENERATED ALWAYS AS (on_hand - reserved) STORED,
    -- Counts this row's changes; a SKU's version is the sum over its rows.
    version      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (sku, warehouse_id),
    CONSTRAINT stock_never_oversold CHECK (0 <= reserved AND reserved <= on_hand)
-- Half-empty pages: a hot row's new version fits beside the old one and no index is touched.
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE reservations (
    id             uuid PRIMARY KEY,
    key            text NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 255),
    state          text NOT NULL CHECK (state IN ('held', 'allocated', 'committed', 'released', 'expired')),
    order_id       uuid,
    expires_at     timestamptz,
    -- The order was canceled: an order.placed that comes after it changes nothing.
    order_canceled boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reservations_held_expires CHECK (state <> 'held' OR expires_at IS NOT NULL),
    CONSTRAINT reservations_promised_to CHECK (state NOT IN ('allocated', 'committed') OR order_id IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX reservations_held ON reservations (expires_at) WHERE state = 'held';

-- What a reservation takes from which warehouse. No foreign keys here or on movements: a row is written by the
-- statement that writes what it refers to, nothing is ever deleted there, and checking costs more than writing.
CREATE TABLE reservation_lines (
    reservation_id uuid NOT NULL,
    sku            text NOT NULL,
    warehouse_id   text NOT NULL,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    -- How many of a sale were put back.
    returned       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (reservation_id, sku, warehouse_id),
    CONSTRAINT reservation_lines_returned CHECK (0 <= returned AND returned <= quantity)
);

-- Every change of on_hand, signed: on_hand is the sum of a row's movements, because one statement writes both.
CREATE TABLE stock_movements (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku          text NOT NULL,
    warehouse_id text NOT NULL,
    kind         text NOT NULL,
    quantity     bigint NOT NULL,
    order_id     uuid,
    return_id    uuid,
    reason       text NOT NULL DEFAULT '',
    -- Who counted or received; null where an event did it.
    user_id      uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stock_movements_kind CHECK (
        CASE kind
            WHEN 'opening' THEN quantity > 0
            WHEN 'receipt' THEN quantity > 0
            WHEN 'adjustment' THEN quantity < 0
            WHEN 'sale' THEN quantity < 0 AND order_id IS NOT NULL
            WHEN 'return' THEN quantity > 0 AND order_id IS NOT NULL
            ELSE false
        END
    )
);
CREATE INDEX stock_movements_of ON stock_movements (sku, id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER stock_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The returns whose goods were put back, each once.
CREATE TABLE restocks (
    return_id    uuid PRIMARY KEY,
    order_id     uuid NOT NULL,
    restocked_at timestamptz NOT NULL DEFAULT now()
);

-- What was sold or sent back without stock to answer for it: somebody must count the shelf.
CREATE TABLE stock_discrepancies (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('sold_unreserved', 'returned_unsold')),
    order_id   uuid NOT NULL,
    return_id  uuid,
    number     text NOT NULL,
    detail     text NOT NULL,
    lines      jsonb NOT NULL,
    noted_at   timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    note       text NOT NULL DEFAULT '',
    UNIQUE NULLS NOT DISTINCT (kind, order_id, return_id)
);
CREATE INDEX stock_discrepancies_open ON stock_discrepancies (id) WHERE settled_at IS NULL;
