-- Who a user is to the shop: name and phone, address book, preferences, wishlist. Whoever changes what hangs
-- on a profile holds the profile's row.

CREATE TABLE user_profiles (
    user_id    uuid PRIMARY KEY,
    email      text NOT NULL,
    first_name text NOT NULL,
    last_name  text NOT NULL,
    phone      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE addresses (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES user_profiles ON DELETE CASCADE,
    name        text NOT NULL,
    line1       text NOT NULL,
    line2       text NOT NULL,
    city        text NOT NULL,
    region      text NOT NULL,
    postal_code text NOT NULL,
    country     text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    phone       text NOT NULL,
    is_default  boolean NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX addresses_of_user ON addresses (user_id, id);
CREATE UNIQUE INDEX addresses_one_default ON addresses (user_id) WHERE is_default;

CREATE TABLE user_preferences (
    user_id            uuid PRIMARY KEY REFERENCES user_profiles ON DELETE CASCADE,
    language           text NOT NULL,
    currency           text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    marketing_by_email boolean NOT NULL,
    marketing_by_sms   boolean NOT NULL
);

-- A whole product, or one variant of it. Whether it is (still) for sale is asked of catalog by who shows it.
CREATE TABLE wishlist (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES user_profiles ON DELETE CASCADE,
    product_id uuid,
    sku        text,
    added_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(product_id, sku) = 1),
    UNIQUE (user_id, product_id),
    UNIQUE (user_id, sku)
);
CREATE INDEX wishlist_of_user ON wishlist (user_id, id);
