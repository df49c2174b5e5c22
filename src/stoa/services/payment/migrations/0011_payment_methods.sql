--! compatible with 0010
-- Cards that customers have let the shop keep: the provider's name for each, and what a shopper knows it by. Never a number.
-- `forgotten_at` is when somebody took it away: it is nobody's from then on, and gone when the provider has let go of it.
CREATE TABLE payment_methods (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL,
    provider     text NOT NULL,
    reference    text NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    brand        text NOT NULL,
    last4        text NOT NULL,
    expires      text NOT NULL,
    is_default   boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    forgotten_at timestamptz
);
CREATE UNIQUE INDEX payment_methods_of_user ON payment_methods (user_id, id);
CREATE UNIQUE INDEX payment_methods_once ON payment_methods (user_id, provider, reference) WHERE forgotten_at IS NULL;
CREATE UNIQUE INDEX payment_methods_default ON payment_methods (user_id) WHERE is_default AND forgotten_at IS NULL;
CREATE INDEX payment_methods_to_forget ON payment_methods (forgotten_at) WHERE forgotten_at IS NOT NULL;

-- The simulator's memory of cards it keeps, and Stripe's of customers.
CREATE TABLE simulator.cards (
    reference text PRIMARY KEY,
    token     text NOT NULL
);
CREATE TABLE stripe.customers (
    user_id     uuid PRIMARY KEY,
    customer_id text NOT NULL
);
