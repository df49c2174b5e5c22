--! compatible with 0002
-- What the shop's own fields say of a customer, by their numbers (`custom_fields`), and what its programs note.
ALTER TABLE user_profiles
    ADD COLUMN custom_fields jsonb,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
