-- An order is paid by one payment: another may begin only where the one before was refused or undone.
CREATE UNIQUE INDEX payments_one_per_order ON payments (order_id) WHERE state NOT IN ('declined', 'voided');
