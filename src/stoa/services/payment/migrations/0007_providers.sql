--! compatible with 0006
-- Who holds the money: a payment is captured, voided and refunded where it was authorized, whoever is asked for new ones.
ALTER TABLE payments ADD COLUMN provider text NOT NULL DEFAULT 'simulator';
