-- The cart of a user has the user's id, so that it needs no looking up; a guest's has an unguessable one.
CREATE TABLE carts (
    id uuid PRIMARY KEY,
    user_id uuid UNIQUE CHECK (user_id = id),
    -- Counts the changes of the cart, under its row lock: what a checkout read it can name later.
    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- For the job that removes what guests left behind.
CREATE INDEX carts_of_guests ON carts (updated_at) WHERE user_id IS NULL;

CREATE TABLE cart_items (
    cart_id uuid NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    sku text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 100000),
    -- The cart's version in which the line came, and in which it last changed.
    added_in bigint NOT NULL,
    changed_in bigint NOT NULL CHECK (changed_in >= added_in),
    PRIMARY KEY (cart_id, sku)
);

-- What inventory has told about a SKU: one row marks the lines of all carts at once, also of those to come.
CREATE TABLE sku_marks (
    sku text PRIMARY KEY,
    version bigint NOT NULL,
    sold_out boolean NOT NULL
);
