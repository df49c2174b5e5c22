--! compatible with 0003

-- Movements by month. What there is becomes the first partition, as it is: its CHECK says that it belongs there and its
-- index is the key already, so nothing is read and the table is needed for a moment only.
ALTER TABLE stock_movements RENAME TO stock_movements_before;
ALTER SEQUENCE stock_movements_id_seq RENAME TO stock_movements_before_id_seq;
DROP INDEX stock_movements_of;
ALTER TABLE stock_movements_before
    DROP CONSTRAINT stock_movements_pkey,
    ADD CONSTRAINT stock_movements_before_pkey PRIMARY KEY USING INDEX stock_movements_before_pkey;

CREATE TABLE stock_movements (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    sku          text NOT NULL,
    warehouse_id text NOT NULL,
    kind         text NOT NULL,
    quantity     bigint NOT NULL,
    order_id     uuid,
    return_id    uuid,
    reason       text NOT NULL DEFAULT '',
    -- Who counted, received or sent; null where an event did it.
    user_id      uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- The transfer, the receipt or the count that it is part of.
    document_id  uuid,
    -- By SKU, the newest last: a list reads the months one after the other, from the last on, and stops when it is full.
    PRIMARY KEY (sku, created_at, id),
    CONSTRAINT stock_movements_kind CHECK (
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
    )
) PARTITION BY RANGE (created_at);
CREATE TRIGGER stock_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- The numbers go on.
SELECT setval('stock_movements_id_seq', nextval('stock_movements_before_id_seq'), false);
ALTER TABLE stock_movements_before ALTER COLUMN id DROP IDENTITY;

-- Where the last partition begins, which has no end.
CREATE FUNCTION movement_months_until() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT substring(pg_get_expr(relpartbound, oid) FROM 'FROM \(''([^'']+)''\)')::timestamptz
    FROM pg_class WHERE oid = to_regclass('stock_movements_later')
$$;

-- Makes what is missing of the months until so many ahead, and says how many it made. They are cut off the front of the last
-- partition, which is empty: nothing is read, and the table is needed for a moment, for which it does not wait long,
-- because who writes would wait behind it. If nobody has made months in time, the last has movements by now. Then it
-- becomes the partition of all until the end of this month, and is read for that.
CREATE FUNCTION make_movement_months(today timestamptz, ahead integer) RETURNS integer LANGUAGE plpgsql SET lock_timeout = '100ms' AS $$
DECLARE
    this_month timestamp := date_trunc('month', today AT TIME ZONE 'UTC');
    wanted timestamptz := (this_month + make_interval(months => ahead + 1)) AT TIME ZONE 'UTC';
    begins timestamptz := movement_months_until();
    ends timestamptz;
    has_some boolean;
    name text;
    made integer := 0;
BEGIN
    IF begins >= wanted THEN
        RETURN 0;
    END IF;
    LOCK TABLE stock_movements IN ACCESS EXCLUSIVE MODE;
    -- Another may have made them meanwhile.
    begins := movement_months_until();
    IF begins >= wanted THEN
        RETURN 0;
    END IF;
    EXECUTE 'SELECT EXISTS (SELECT FROM stock_movements_later)' INTO has_some;
    EXECUTE 'ALTER TABLE stock_movements DETACH PARTITION stock_movements_later';
    IF has_some THEN
        name := to_char(this_month, '"stock_movements_"YYYY_MM');
        ends := (this_month + interval '1 month') AT TIME ZONE 'UTC';
        EXECUTE format('ALTER TABLE stock_movements_later RENAME TO %I', name);
        EXECUTE format('ALTER TABLE stock_movements ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, begins, ends);
        begins := ends;
        made := 1;
    ELSE
        EXECUTE 'DROP TABLE stock_movements_later';
    END IF;
    WHILE begins < wanted LOOP
        name := to_char(begins AT TIME ZONE 'UTC', '"stock_movements_"YYYY_MM');
        ends := (begins AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
        PERFORM make_movement_partition(name, format('FROM (%L) TO (%L)', begins, ends));
        begins := ends;
        made := made + 1;
    END LOOP;
    PERFORM make_movement_partition('stock_movements_later', format('FROM (%L) TO (MAXVALUE)', begins));
    RETURN made;
END $$;

-- A trigger of a statement is not passed on to the partitions that somebody may name in a statement of his own.
CREATE FUNCTION make_movement_partition(name text, bounds text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF stock_movements FOR VALUES %s', name, bounds);
    EXECUTE format(
        'CREATE TRIGGER stock_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name
    );
END $$;

DO $$
DECLARE
    ending timestamptz;
BEGIN
    -- As the CHECK has it.
    SELECT substring(pg_get_constraintdef(oid) FROM '''([^'']+)''')::timestamptz INTO STRICT ending
    FROM pg_constraint WHERE conrelid = 'stock_movements_before'::regclass AND conname = 'stock_movements_end';
    EXECUTE format(
        'ALTER TABLE stock_movements ATTACH PARTITION stock_movements_before FOR VALUES FROM (MINVALUE) TO (%L)', ending
    );
    ALTER TABLE stock_movements_before DROP CONSTRAINT stock_movements_end;
    PERFORM make_movement_partition('stock_movements_later', format('FROM (%L) TO (MAXVALUE)', ending));
    PERFORM make_movement_months(now(), 3);
END $$;
