-- How a SKU is promised beyond what is free on the shelf, what is kept back from sale, and what was promised without being
-- on hand. Stock itself stays as it was: 0 <= reserved <= on_hand in each warehouse. What is promised beyond that is
-- counted on the item, within its limit, and waits in `backorders`.

ALTER TABLE stock
    -- Of what is available so many are not sold.
    ADD COLUMN safety_stock bigint NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    -- On its way here.
    ADD COLUMN incoming bigint NOT NULL DEFAULT 0 CHECK (incoming >= 0);

ALTER TABLE items
    ADD COLUMN policy text NOT NULL DEFAULT 'none' CHECK (policy IN ('none', 'backorder', 'preorder')),
    ADD COLUMN backorder_limit bigint NOT NULL DEFAULT 0,
    -- Units of the open backorders.
    ADD COLUMN backordered bigint NOT NULL DEFAULT 0,
    -- A backorder ships so many days after it was promised, a preorder from this day on.
    ADD COLUMN lead_days integer CHECK (lead_days >= 0),
    ADD COLUMN available_on date,
    -- When no more than so many are available, it is announced.
    ADD COLUMN low_stock_at bigint CHECK (low_stock_at >= 0),
    -- Counts this row's changes, and those of them that only promised or gave back, as on stock.
    ADD COLUMN version bigint NOT NULL DEFAULT 0,
    ADD COLUMN holds bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT items_backordered CHECK (0 <= backordered AND backordered <= backorder_limit),
    ADD CONSTRAINT items_policy CHECK (
        CASE policy WHEN 'backorder' THEN lead_days IS NOT NULL WHEN 'preorder' THEN available_on IS NOT NULL ELSE true END
    );
CREATE INDEX items_preorders ON items (available_on) WHERE policy = 'preorder';

-- What was promised without being on hand, the oldest first: so it is filled, per SKU, by whatever arrives. The order is
-- the reservation's.
CREATE TABLE backorders (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reservation_id uuid NOT NULL,
    sku            text NOT NULL,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    filled         bigint NOT NULL DEFAULT 0,
    state          text NOT NULL DEFAULT 'open',
    promised_on    date NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT backorders_filled CHECK (
        CASE state
            WHEN 'open' THEN 0 <= filled AND filled < quantity
            WHEN 'filled' THEN filled = quantity
            WHEN 'canceled' THEN 0 <= filled AND filled < quantity
            WHEN 'expired' THEN 0 <= filled AND filled < quantity
            ELSE false
        END
    )
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX backorders_open_of ON backorders (reservation_id, sku) WHERE state = 'open';
CREATE INDEX backorders_of ON backorders (reservation_id);
CREATE INDEX backorders_waiting ON backorders (sku, id) WHERE state = 'open';
CREATE INDEX backorders_open ON backorders (id) WHERE state = 'open';
