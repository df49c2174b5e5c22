--! compatible with 0014
-- Units that were called off while the rest of their order stands. An order that is canceled whole is only a state: what
-- goes back for it is what was left.
CREATE TABLE cancellations (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    reason text NOT NULL,
    refund_minor bigint NOT NULL CHECK (refund_minor >= 0),
    actor text NOT NULL CHECK (actor IN ('customer', 'staff')),
    actor_id uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX cancellations_of_order ON cancellations (order_id, id);

CREATE TABLE cancellation_items (
    cancellation_id uuid NOT NULL REFERENCES cancellations (id),
    sku text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    -- Of the refund: what the units cost after discount, and the tax on it.
    net_minor bigint NOT NULL CHECK (net_minor >= 0),
    tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
    PRIMARY KEY (cancellation_id, sku)
);
