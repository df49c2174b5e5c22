--! compatible with 0003

-- Reads all movements, and nobody who writes one waits for it.
ALTER TABLE stock_movements
    VALIDATE CONSTRAINT stock_movements_kind,
    VALIDATE CONSTRAINT stock_movements_end;
