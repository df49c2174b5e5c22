--! compatible with 0003

-- A movement may be part of a transfer, a receipt or a count. A CHECK that is not looked through yet holds for what is
-- written from here on, and needs the table for a moment only.
ALTER TABLE stock_movements
    ADD COLUMN document_id uuid,
    DROP CONSTRAINT stock_movements_kind,
    ADD CONSTRAINT stock_movements_kind CHECK (
        CASE kind
            WHEN 'opening' THEN quantity > 0
            WHEN 'receipt' THEN quantity > 0
            WHEN 'adjustment' THEN quantity < 0
            WHEN 'sale' THEN quantity < 0 AND order_id IS NOT NULL
            WHEN 'return' THEN quantity > 0 AND order_id IS NOT NULL
            WHEN 'transfer_out' THEN quantity < 0 AND document_id IS NOT NULL
            WHEN 'transfer_in' THEN quantity > 0 AND document_id IS NOT NULL
            WHEN 'write_off' THEN quantity < 0 AND document_id IS NOT NULL
            ELSE false
        END
    ) NOT VALID;

-- What is in this table becomes one partition, up to the beginning of a month that no migration lasts until.
DO $$
BEGIN
    EXECUTE format(
        'ALTER TABLE stock_movements ADD CONSTRAINT stock_movements_end CHECK (created_at < %L) NOT VALID',
        (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 months') AT TIME ZONE 'UTC'
    );
END $$;
