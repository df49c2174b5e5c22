--! compatible with 0015
-- Of what was canceled when something of it had come, something came: a list by state has it among what was received.
UPDATE receipts SET state = 'received' WHERE state = 'canceled' AND EXISTS (
    SELECT FROM receipt_lines WHERE receipt_id = receipts.id AND received > 0
);
UPDATE transfers SET state = 'received' WHERE state = 'canceled' AND EXISTS (
    SELECT FROM transfer_lines WHERE transfer_id = transfers.id AND received > 0
);
