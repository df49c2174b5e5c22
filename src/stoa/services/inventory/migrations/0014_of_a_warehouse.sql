--! compatible with 0013
-- What names a warehouse, for whoever removes one: the reference itself looks there, too.
CREATE INDEX transfers_of_source ON transfers (source);
CREATE INDEX transfers_of_destination ON transfers (destination);
CREATE INDEX receipts_of_warehouse ON receipts (warehouse_id);
CREATE INDEX stock_counts_of_warehouse ON stock_counts (warehouse_id);
