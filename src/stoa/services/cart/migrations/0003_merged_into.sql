--! compatible with 0002

-- Into whose cart a guest's was merged since it was bought last. What is being bought at that moment went along, and
-- is taken out there.
ALTER TABLE carts ADD COLUMN merged_into uuid;
