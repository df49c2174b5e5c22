-- How often the cart was bought. A checkout buys one round of it; taking out what was bought begins the next.
ALTER TABLE carts ADD COLUMN round bigint NOT NULL DEFAULT 0 CHECK (round >= 0);

-- What was bought is taken out by quantity: when a line last changed says nothing about that.
ALTER TABLE cart_items DROP COLUMN changed_in;
