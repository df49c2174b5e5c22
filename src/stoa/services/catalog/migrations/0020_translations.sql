--! compatible with 0019

-- Texts in the shop's other languages, beside what a thing says in its own. Null: as in that.
CREATE TABLE translations (
    kind        text NOT NULL CHECK (kind IN ('product', 'category', 'collection')),
    thing_id    uuid NOT NULL,
    locale      text NOT NULL CHECK (locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    slug        text CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name        text CHECK (length(name) BETWEEN 1 AND 200),
    description text,
    seo         jsonb,
    -- Of a product what it calls its options, their values and its variants: by their names in the shop's language, and
    -- by SKU, so that one that comes back has its text again.
    options     jsonb NOT NULL DEFAULT '{}',
    variants    jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (thing_id, locale),
    CONSTRAINT translations_slug UNIQUE (kind, locale, slug)
);
