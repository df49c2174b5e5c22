-- The memory of the payment simulator: a foreign system that happens to live here. Nothing outside
-- simulator.py reads it, nothing joins it, and it commits on its own.
CREATE SCHEMA simulator;

-- What happened under each idempotency key. A row without an order is a tombstone: void came
-- first. `let_go` is a card whose bank lets go of what it holds before it is captured.
CREATE TABLE simulator.payments (
    key            text PRIMARY KEY,
    order_id       text,
    amount_minor   bigint NOT NULL,
    currency       text NOT NULL,
    status         text NOT NULL CHECK (status IN ('authorized', 'captured', 'voided', 'declined')),
    reason         text NOT NULL DEFAULT '',
    let_go         boolean NOT NULL DEFAULT false,
    refunded_minor bigint NOT NULL DEFAULT 0,
    reference      text NOT NULL DEFAULT 'sim_' || replace(gen_random_uuid()::text, '-', ''),
    CHECK (0 <= refunded_minor AND refunded_minor <= CASE WHEN status = 'captured' THEN amount_minor ELSE 0 END)
);

CREATE TABLE simulator.refunds (
    key          text PRIMARY KEY,
    payment_key  text NOT NULL REFERENCES simulator.payments,
    amount_minor bigint NOT NULL,
    reference    text NOT NULL DEFAULT 'simre_' || replace(gen_random_uuid()::text, '-', '')
);

-- Messages to the shop, sent until they are taken.
CREATE TABLE simulator.webhooks (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body    text NOT NULL,
    sent_at timestamptz
);
CREATE INDEX webhooks_unsent ON simulator.webhooks (seq) WHERE sent_at IS NULL;
