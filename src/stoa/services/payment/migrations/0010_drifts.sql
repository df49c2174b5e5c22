--! compatible with 0009
-- When a payment is next compared with its ledger, its order and its provider; null when it is not to be any more, as with
-- those that were here before.
ALTER TABLE payments ADD COLUMN reconcile_at timestamptz;
ALTER TABLE payments ALTER COLUMN reconcile_at SET DEFAULT now() + interval '10 minutes';
CREATE INDEX payments_to_reconcile ON payments (reconcile_at) WHERE reconcile_at IS NOT NULL;

-- What was found to differ, with what each side says. It ends when it is found no more, or when somebody has settled it.
CREATE TABLE drifts (
    id          uuid PRIMARY KEY,
    payment_id  uuid NOT NULL REFERENCES payments,
    kind        text NOT NULL,
    here        text NOT NULL,
    there       text NOT NULL,
    found_at    timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    -- What somebody did about it; null where it went away by itself.
    note        text CHECK (note IS NULL OR ended_at IS NOT NULL)
);
CREATE UNIQUE INDEX drifts_open ON drifts (payment_id, kind) WHERE ended_at IS NULL;
CREATE INDEX drifts_of_payment ON drifts (payment_id, id);
CREATE INDEX drifts_open_in_order ON drifts (id) WHERE ended_at IS NULL;
