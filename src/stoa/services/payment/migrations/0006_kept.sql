--! compatible with 0005
-- When it was decided to ship the order: the payment is kept from then on, and no longer voided.
ALTER TABLE payments ADD COLUMN kept_at timestamptz;
