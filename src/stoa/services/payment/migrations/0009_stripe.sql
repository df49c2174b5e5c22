--! compatible with 0008
-- Under which name Stripe knows each payment. The row is committed before money is held, so that no crash leaves a payment
-- there of which nobody here knows. A row without an intent is a tombstone: void came first.
CREATE SCHEMA stripe;

CREATE TABLE stripe.intents (
    key        text PRIMARY KEY,
    intent_id  text UNIQUE,
    voided     boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (intent_id IS NOT NULL OR voided)
);
