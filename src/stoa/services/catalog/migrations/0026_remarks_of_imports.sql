--! compatible with 0025

-- What of a file's products is not here as it stands there: of each kind how often, and where first.
ALTER TABLE product_imports ADD COLUMN remarks jsonb NOT NULL DEFAULT '[]';
