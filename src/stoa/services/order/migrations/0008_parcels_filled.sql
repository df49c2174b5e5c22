-- Until now an order was one parcel with all that was bought, and was canceled whole.
INSERT INTO shipment_items (shipment_id, sku, quantity)
SELECT shipments.id, item.sku, item.quantity FROM shipments JOIN order_items AS item USING (order_id);

UPDATE order_items SET shipped_quantity = quantity FROM shipments WHERE shipments.order_id = order_items.order_id;
UPDATE order_items SET canceled_quantity = quantity
FROM orders WHERE orders.id = order_items.order_id AND orders.status = 'canceled';

ALTER TABLE order_items VALIDATE CONSTRAINT order_items_sent;
ALTER TABLE order_items VALIDATE CONSTRAINT order_items_back;
