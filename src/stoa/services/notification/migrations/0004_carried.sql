--! compatible with 0003
-- Mails that somebody carries: due until that is done, or never will be. What was here before is in the mailbox only.
ALTER TABLE deliveries
    ADD COLUMN due_at timestamptz,
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN carried_at timestamptz,
    -- Why nobody will carry it.
    ADD COLUMN undeliverable text;
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
