-- A round of a cart is bought by one checkout: another may take it only where the one before goes, or went, backward.
-- Written once, with the snapshot of the cart, so that recording a step still stays on its page.
ALTER TABLE checkouts
    ADD COLUMN bought_cart_id uuid,
    ADD COLUMN bought_cart_round bigint,
    ADD CHECK ((bought_cart_id IS NULL) = (bought_cart_round IS NULL));

CREATE UNIQUE INDEX checkouts_one_per_cart ON checkouts (bought_cart_id, bought_cart_round)
    WHERE bought_cart_id IS NOT NULL AND (state IN ('running', 'completed') OR parked_from = 'running');
