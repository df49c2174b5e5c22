-- Payments, refunds, the ledger of what they moved, and what we have heard from providers.

-- One row per attempt to pay an order. A row is here, in the state `unknown`, before the provider is asked for
-- anything. `void_reason` says that the payment shall be undone: from then on it only goes that way. A row
-- without an order is a tombstone: VoidPayment came for a key that Authorize has not used yet and never may.
CREATE TABLE payments (
    id                 uuid PRIMARY KEY,
    key                text NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 200),
    order_id           uuid,
    user_id            uuid,
    attempt            integer NOT NULL DEFAULT 1 CHECK (attempt > 0),
    state              text NOT NULL CHECK (state IN ('unknown', 'authorized', 'capture_unknown', 'captured', 'voided',
                                                      'declined', 'partially_refunded', 'refunded')),
    method             text NOT NULL,
    amount_minor       bigint NOT NULL CHECK (amount_minor >= 0),
    currency           text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    refund_asked_minor bigint NOT NULL DEFAULT 0,
    refunded_minor     bigint NOT NULL DEFAULT 0,
    provider_reference text NOT NULL DEFAULT '',
    decline_reason     text NOT NULL DEFAULT '',
    void_reason        text,
    asked_at           timestamptz NOT NULL DEFAULT now(),
    version            bigint NOT NULL DEFAULT 1,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (order_id, attempt),
    CHECK (order_id IS NOT NULL OR state = 'voided'),
    -- Never more back than was taken, whatever the code above believes.
    CHECK (0 <= refunded_minor AND refunded_minor <= refund_asked_minor),
    CHECK (refund_asked_minor <= CASE WHEN state IN ('captured', 'partially_refunded', 'refunded')
                                      THEN amount_minor ELSE 0 END)
);
CREATE INDEX payments_unsettled ON payments (asked_at)
    WHERE state IN ('unknown', 'capture_unknown') OR (void_reason IS NOT NULL AND state = 'authorized');

-- One row per reason to give money back: `source` is a return's id, `cancel`, `void` or an operator's key.
CREATE TABLE refunds (
    id                 uuid PRIMARY KEY,
    payment_id         uuid NOT NULL REFERENCES payments,
    source             text NOT NULL CHECK (length(source) BETWEEN 1 AND 300),
    reason             text NOT NULL,
    amount_minor       bigint NOT NULL CHECK (amount_minor > 0),
    currency           text NOT NULL,
    state              text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    provider_reference text NOT NULL DEFAULT '',
    attempts           integer NOT NULL DEFAULT 0,
    due_at             timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    done_at            timestamptz,
    UNIQUE (payment_id, source)
);
CREATE INDEX refunds_due ON refunds (due_at) WHERE state = 'pending';

-- Double entry: the entries of a transaction sum to zero, and nothing in it is ever changed.
CREATE TABLE ledger (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id uuid NOT NULL,
    payment_id     uuid NOT NULL REFERENCES payments,
    movement       text NOT NULL CHECK (movement IN ('authorize', 'capture', 'void', 'refund')),
    account        text NOT NULL CHECK (account IN ('customer_funds', 'authorized', 'captured', 'refunded')),
    amount_minor   bigint NOT NULL CHECK (amount_minor <> 0),
    currency       text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ledger_by_transaction ON ledger (transaction_id);
CREATE INDEX ledger_by_payment ON ledger (payment_id);

CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger WHERE transaction_id = NEW.transaction_id
               GROUP BY currency HAVING sum(amount_minor) <> 0) THEN
        RAISE EXCEPTION 'ledger transaction % does not sum to zero', NEW.transaction_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON ledger
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: book a counter-entry instead' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- What signs a provider's webhooks, made here once: 244 random bits from the server's strong generator.
CREATE TABLE webhook_secrets (
    provider text PRIMARY KEY,
    secret   text NOT NULL
);
INSERT INTO webhook_secrets VALUES
    ('simulator', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

-- Every webhook that was accepted, by the provider's id of it, so that a second delivery changes nothing.
CREATE TABLE webhook_events (
    provider    text NOT NULL,
    id          text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, id)
);
