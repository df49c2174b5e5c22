--! compatible with 0017

-- Whose name a product bears. Products keep the name itself, by which lists are read in their order; a brand is made when
-- a product first has its name. Code of before this writes names that have no brand yet: they get theirs when a product
-- is next given one of them.
CREATE TABLE brands (
    id          uuid PRIMARY KEY,
    slug        text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description text NOT NULL DEFAULT '',
    logo_url    text NOT NULL DEFAULT '',
    seo         jsonb,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT brands_slug UNIQUE (slug)
);

-- Every name that a brand has or had, or that of one merged into it: whoever says it means that brand. Its name of now is
-- among them. Products that have another follow in rounds, until that is settled.
CREATE TABLE brand_names (
    name     text PRIMARY KEY,
    brand_id uuid NOT NULL REFERENCES brands,
    settled  boolean NOT NULL DEFAULT true
);
CREATE INDEX brand_names_of ON brand_names (brand_id);
CREATE INDEX brand_names_unsettled ON brand_names (name) WHERE NOT settled;

INSERT INTO brands (id, slug, name)
SELECT id, CASE WHEN plain = '' OR again > 1 THEN concat_ws('-', nullif(plain, ''), right(id::text, 8)) ELSE plain END, brand
FROM (
    SELECT *, row_number() OVER (PARTITION BY plain ORDER BY brand) AS again
    FROM (
        SELECT gen_random_uuid() AS id, brand, trim(BOTH '-' FROM left(
            regexp_replace(lower(regexp_replace(normalize(brand, NFKD), '[^\x01-\x7f]', '', 'g')), '[^a-z0-9]+', '-', 'g'), 180
        )) AS plain
        FROM products WHERE brand <> '' GROUP BY brand
    ) AS named
) AS counted;
INSERT INTO brand_names (name, brand_id) SELECT name, id FROM brands;
