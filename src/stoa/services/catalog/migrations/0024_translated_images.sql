--! compatible with 0023

-- What pictures show, by the file or the address, for who cannot see them.
ALTER TABLE translations ADD COLUMN images jsonb NOT NULL DEFAULT '{}';
