-- As `payment_status.py` and `fulfillment.py` say it; only the orders that stand otherwise than most are written.
WITH known AS (
    SELECT orders.id, total_minor, settled_minor, confirmed_at, status, state AS told,
           coalesce(refunded_minor, 0) AS gone, refund_due_minor + coalesce(by_hand_minor, 0) AS due
    FROM orders LEFT JOIN payments ON payments.id = orders.payment_id
), standing AS (
    SELECT id,
           CASE
               WHEN gone > 0 AND gone >= total_minor THEN 'refunded'
               WHEN least(total_minor, due) > gone THEN 'refund_pending'
               WHEN gone < least(total_minor, due + settled_minor) THEN 'settled'
               WHEN gone > 0 THEN 'partially_refunded'
               WHEN confirmed_at IS NOT NULL OR told = 'succeeded' THEN 'paid'
               WHEN told = 'failed' THEN 'failed'
               ELSE 'pending'
           END AS payment_status,
           CASE
               WHEN status IN ('pending', 'confirmed', 'processing') THEN
                   CASE WHEN EXISTS (SELECT FROM shipments WHERE order_id = known.id)
                        THEN 'partially_shipped' ELSE 'unfulfilled' END
               WHEN status = 'shipped' AND EXISTS (
                   SELECT FROM shipments WHERE order_id = known.id AND delivered_at IS NOT NULL
               ) THEN 'partially_delivered'
               ELSE status
           END AS fulfillment_status
    FROM known
)
UPDATE orders
SET payment_status = standing.payment_status, fulfillment_status = standing.fulfillment_status
FROM standing
WHERE orders.id = standing.id
  AND (standing.payment_status <> 'paid' OR standing.fulfillment_status <> 'delivered');

ALTER TABLE orders VALIDATE CONSTRAINT orders_payment_status;
ALTER TABLE orders VALIDATE CONSTRAINT orders_fulfillment_status;
