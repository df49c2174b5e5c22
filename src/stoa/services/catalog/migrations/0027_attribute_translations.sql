--! compatible with 0026

-- What attributes are called in the shop's other languages. Null: as in its own.
CREATE TABLE attribute_translations (
    attribute_id bigint NOT NULL REFERENCES attributes ON DELETE CASCADE,
    locale       text NOT NULL CHECK (locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    label        text CHECK (length(label) BETWEEN 1 AND 200),
    unit         text CHECK (length(unit) <= 20),
    -- By their values, so that one that comes back has its text again.
    choices      jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (attribute_id, locale)
);
