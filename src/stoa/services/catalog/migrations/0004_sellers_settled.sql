--! compatible with 0003

-- Whether all products of a seller say what is known of him: they follow him in rounds.
ALTER TABLE sellers ADD COLUMN settled boolean NOT NULL DEFAULT true;
CREATE INDEX sellers_unsettled ON sellers (id) WHERE NOT settled;
