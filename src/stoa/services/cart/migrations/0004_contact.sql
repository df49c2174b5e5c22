--! compatible with 0003
-- What a shopper said on opening the cart, for the checkout to use where the order says nothing else. It ends with the
-- round that was bought, and nobody is shown it: who knows a guest's cart sees what is in it, never who they are.
ALTER TABLE carts
    ADD COLUMN email text,
    ADD COLUMN shipping_address jsonb,
    ADD COLUMN billing_address jsonb;
