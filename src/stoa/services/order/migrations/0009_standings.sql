-- How an order's payment and its parcels stand, kept beside its own state, because staff list orders by them. What most
-- orders of a shop say is given to all, which writes no row; the others are written after. Code that does not keep them
-- is to be stopped first, as by 0007.
ALTER TABLE orders
    ADD COLUMN payment_status text NOT NULL DEFAULT 'paid',
    ADD COLUMN fulfillment_status text NOT NULL DEFAULT 'delivered';
ALTER TABLE orders
    ALTER COLUMN payment_status SET DEFAULT 'pending',
    ALTER COLUMN fulfillment_status SET DEFAULT 'unfulfilled',
    ADD CONSTRAINT orders_payment_status CHECK (
        payment_status IN (
            'pending', 'paid', 'failed', 'refund_pending', 'partially_refunded', 'refunded', 'settled'
        )
    ) NOT VALID,
    ADD CONSTRAINT orders_fulfillment_status CHECK (
        CASE fulfillment_status
            WHEN 'unfulfilled' THEN status IN ('pending', 'confirmed', 'processing')
            WHEN 'partially_shipped' THEN status = 'processing'
            WHEN 'partially_delivered' THEN status = 'shipped'
            WHEN 'shipped' THEN status = 'shipped'
            WHEN 'delivered' THEN status = 'delivered'
            WHEN 'canceled' THEN status = 'canceled'
            WHEN 'returned' THEN status = 'returned'
            ELSE false
        END
    ) NOT VALID;
