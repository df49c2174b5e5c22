-- Which checkout made which order. A row without an order is a tombstone: the checkout was abandoned first.
CREATE TABLE checkouts (
    id uuid PRIMARY KEY,
    order_id uuid UNIQUE,
    abandoned_at timestamptz,
    CHECK (order_id IS NOT NULL OR abandoned_at IS NOT NULL)
);

CREATE SEQUENCE order_numbers START 100001;

CREATE TABLE orders (
    id uuid PRIMARY KEY,
    number text NOT NULL UNIQUE DEFAULT 'S-' || nextval('order_numbers'),
    user_id uuid,
    email text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (
        status IN ('pending', 'confirmed', 'processing', 'shipped', 'delivered', 'canceled', 'returned')
    ),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    subtotal_minor bigint NOT NULL CHECK (subtotal_minor >= 0),
    discount_minor bigint NOT NULL CHECK (discount_minor BETWEEN 0 AND subtotal_minor),
    shipping_minor bigint NOT NULL CHECK (shipping_minor >= 0),
    tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
    total_minor bigint NOT NULL CHECK (
        total_minor = subtotal_minor - discount_minor + shipping_minor + tax_minor
    ),
    shipping_method text NOT NULL,
    shipping_address jsonb NOT NULL,
    billing_address jsonb NOT NULL,
    payment_id uuid,
    reservation_key text NOT NULL,
    -- What payment has been asked to give back, by a cancellation or by returns.
    refund_due_minor bigint NOT NULL DEFAULT 0 CHECK (refund_due_minor BETWEEN 0 AND total_minor),
    -- When it was paid. A canceled order without it was never placed: nobody was told of it.
    confirmed_at timestamptz CHECK (confirmed_at IS NOT NULL OR status IN ('pending', 'canceled')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX orders_of_user ON orders (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX orders_by_status ON orders (status, id);

CREATE TABLE order_items (
    order_id uuid NOT NULL REFERENCES orders (id),
    position int NOT NULL,
    product_id uuid NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
    quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 100000),
    -- This line's share of the order's discount and of its tax.
    discount_minor bigint NOT NULL CHECK (discount_minor BETWEEN 0 AND unit_price_minor * quantity),
    tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
    returned_quantity bigint NOT NULL DEFAULT 0 CHECK (returned_quantity BETWEEN 0 AND quantity),
    PRIMARY KEY (order_id, sku)
);

-- Append-only: the first row of an order has no from_status.
CREATE TABLE order_status_history (
    order_id uuid NOT NULL REFERENCES orders (id),
    version bigint NOT NULL,
    from_status text,
    status text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL CHECK (actor IN ('customer', 'staff', 'checkout')),
    actor_id uuid,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, version)
);

-- One parcel per order.
CREATE TABLE shipments (
    order_id uuid PRIMARY KEY REFERENCES orders (id),
    carrier text NOT NULL,
    tracking_number text NOT NULL,
    shipped_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz CHECK (delivered_at >= shipped_at)
);

CREATE TABLE returns (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    reason text NOT NULL,
    refund_minor bigint NOT NULL CHECK (refund_minor >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX returns_of_order ON returns (order_id);

CREATE TABLE return_items (
    return_id uuid NOT NULL REFERENCES returns (id),
    sku text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    -- Of the refund: what the goods cost after discount, and the tax on it.
    net_minor bigint NOT NULL CHECK (net_minor >= 0),
    tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
    PRIMARY KEY (return_id, sku)
);

-- What payment has told, by payment: it may be heard before, after or without the order that it pays for.
CREATE TABLE payments (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('succeeded', 'failed', 'refunded')),
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
);
