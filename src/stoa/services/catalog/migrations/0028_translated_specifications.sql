--! compatible with 0027

-- What a product says of its text attributes, by their names, so that one that comes back has its text again.
ALTER TABLE translations ADD COLUMN specifications jsonb NOT NULL DEFAULT '{}';
