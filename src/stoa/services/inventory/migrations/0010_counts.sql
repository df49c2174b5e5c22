--! compatible with 0003

-- Somebody counts a warehouse, or some SKUs of it. What was expected of a line is what was on hand when it was counted: so
-- what is booked is the difference, and what was sold in between stays sold.
CREATE TABLE stock_counts (
    id           uuid PRIMARY KEY,
    warehouse_id text NOT NULL REFERENCES warehouses,
    state        text NOT NULL CHECK (state IN ('open', 'applied', 'canceled')),
    note         text NOT NULL DEFAULT '',
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stock_counts_of_state ON stock_counts (state, id);

CREATE TABLE stock_count_lines (
    count_id   uuid NOT NULL REFERENCES stock_counts,
    sku        text NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
    expected   bigint,
    counted    bigint CHECK (counted >= 0),
    difference bigint GENERATED ALWAYS AS (counted - expected) STORED,
    reason     text NOT NULL DEFAULT '',
    counted_at timestamptz,
    counted_by uuid,
    applied_at timestamptz,
    PRIMARY KEY (count_id, sku),
    CONSTRAINT stock_count_lines_counted CHECK (
        (counted IS NULL) = (expected IS NULL) AND (counted IS NULL) = (counted_at IS NULL)
    ),
    CONSTRAINT stock_count_lines_applied CHECK (applied_at IS NULL OR counted IS NOT NULL)
);
CREATE INDEX stock_count_lines_uncounted ON stock_count_lines (count_id, sku) WHERE counted IS NULL;
CREATE INDEX stock_count_lines_unapplied ON stock_count_lines (count_id, sku)
    WHERE counted IS NOT NULL AND applied_at IS NULL;
CREATE INDEX stock_count_lines_different ON stock_count_lines (count_id, sku) WHERE difference <> 0;
