--! compatible with 0015
-- What the staff writes on an order, for the shop or for its buyer.
CREATE TABLE order_notes (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    author_id uuid NOT NULL,
    audience text NOT NULL CHECK (audience IN ('customer', 'internal')),
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 20000),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX order_notes_of_order ON order_notes (order_id, id);

-- What payment has told of refunds, one by one: `payments` has the sums. By payment, as these.
CREATE TABLE refunds_told (
    refund_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'failed')),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    told_at timestamptz NOT NULL,
    PRIMARY KEY (refund_id, outcome)
);
CREATE INDEX refunds_told_of_payment ON refunds_told (payment_id);
