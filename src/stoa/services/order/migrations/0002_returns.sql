--! compatible with 0001
-- A return is asked for, decided and received; only what was received moves money and stock. A row without a
-- status of its own was received at once, as all were before.
ALTER TABLE returns
    ADD COLUMN status text NOT NULL DEFAULT 'received'
        CHECK (status IN ('requested', 'approved', 'refused', 'canceled', 'received')),
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ALTER COLUMN refund_minor SET DEFAULT 0,
    ADD CHECK (status = 'received' OR refund_minor = 0);
UPDATE returns SET updated_at = created_at;

DROP INDEX returns_of_order;
CREATE INDEX returns_of_order ON returns (order_id, id);
CREATE INDEX returns_by_status ON returns (status, id);

-- `quantity` was asked for; of these so many came (null until the return is received, or where that was at
-- once: all), and of those so many can be sold again.
ALTER TABLE return_items
    ADD COLUMN received_quantity bigint CHECK (received_quantity BETWEEN 0 AND quantity),
    ADD COLUMN restocked_quantity bigint CHECK (restocked_quantity BETWEEN 0 AND received_quantity),
    ADD CHECK ((received_quantity IS NULL) = (restocked_quantity IS NULL)),
    ALTER COLUMN net_minor SET DEFAULT 0,
    ALTER COLUMN tax_minor SET DEFAULT 0;

-- Units in returns that are requested or approved: nobody asks for the same unit twice.
ALTER TABLE order_items
    ADD COLUMN requested_quantity bigint NOT NULL DEFAULT 0 CHECK (requested_quantity >= 0),
    ADD CHECK (returned_quantity + requested_quantity <= quantity);

-- Append-only: the first row of a return has no from_status.
CREATE TABLE return_status_history (
    return_id uuid NOT NULL REFERENCES returns (id),
    version bigint NOT NULL,
    from_status text,
    status text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL CHECK (actor IN ('customer', 'staff')),
    actor_id uuid,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (return_id, version)
);

-- What staff gave back by hand. Before payment said so it was what went back beyond what was due.
ALTER TABLE payments ADD COLUMN by_hand_minor bigint NOT NULL DEFAULT 0 CHECK (by_hand_minor >= 0);
UPDATE payments SET by_hand_minor = greatest(0, payments.refunded_minor - orders.refund_due_minor)
FROM orders WHERE orders.payment_id = payments.id AND payments.refunded_minor > orders.refund_due_minor;

-- The version of the payment that was known when it was decided to ship: null where nothing was to be paid.
ALTER TABLE shipments ADD COLUMN payment_version bigint;
