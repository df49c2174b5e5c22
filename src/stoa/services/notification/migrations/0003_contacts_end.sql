--! compatible with 0002
-- Whom to write to about an order ends as the mails about it do, and so does what waits for an order that never came. What was
-- there before counts from now.
ALTER TABLE order_contacts ADD COLUMN heard_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX order_contacts_by_age ON order_contacts (heard_at);
ALTER TABLE waiting_refunds
    DROP CONSTRAINT waiting_refunds_order_id_fkey,
    ADD CONSTRAINT waiting_refunds_order_id_fkey FOREIGN KEY (order_id) REFERENCES order_contacts (order_id)
        ON DELETE CASCADE;
