--! compatible with 0004
-- Under which keys the cart was changed last: what came under one of them is done. It is kept where the lines are, so
-- that a store of another kind, which shares no transaction with the table of keys, knows a repeat as well.
ALTER TABLE carts ADD COLUMN keys text[] NOT NULL DEFAULT '{}';
