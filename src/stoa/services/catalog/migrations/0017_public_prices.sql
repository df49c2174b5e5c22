--! compatible with 0016
-- What everybody pays: lists are sorted by it, and what is reduced is shown with the lowest of the last 30 days.
ALTER TABLE price_lists
    -- When what everybody pays changes by the list next; null: by this one it does not.
    ADD COLUMN due_at timestamptz,
    -- The variant that was done last of what is due.
    ADD COLUMN done_to uuid;
CREATE INDEX price_lists_due ON price_lists (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX price_lists_archived ON price_lists (id) WHERE status = 'archived';
UPDATE price_lists SET due_at = now() WHERE status = 'active' AND customer_group IS NULL AND countries = '{}';

-- Of those variants for which that has changed; of others it is their own price, and was.
CREATE TABLE price_history (
    variant_id   uuid NOT NULL REFERENCES variants,
    since        timestamptz NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (variant_id, since)
);
