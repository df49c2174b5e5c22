-- The mailbox: what was sent, to whom, about what. One row per event at most.
CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    event_id text NOT NULL UNIQUE,
    template text NOT NULL,
    recipient text NOT NULL,
    order_id uuid,
    subject text NOT NULL,
    text_body text NOT NULL,
    html_body text NOT NULL,
    sent_at timestamptz NOT NULL
);

CREATE INDEX deliveries_to ON deliveries (recipient, id);
CREATE INDEX deliveries_about ON deliveries (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX deliveries_of ON deliveries (template, id);

-- Whom to write to about an order. What payment announces does not say: it knows no addresses.
-- A row without an address was made by a refund that waits for it.
CREATE TABLE order_contacts (
    order_id uuid PRIMARY KEY,
    number text,
    email text,
    CHECK ((number IS NULL) = (email IS NULL))
);

-- Refunds that came before their order was heard of: the mail is written when it is.
CREATE TABLE waiting_refunds (
    event_id text PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES order_contacts (order_id),
    amount_minor bigint NOT NULL,
    currency text NOT NULL
);

CREATE INDEX waiting_refunds_of ON waiting_refunds (order_id);
