--! compatible with 0013

-- What products of a kind say of themselves. An attribute is defined once in the shop; a type says which ones its
-- products have, in which order, and which of them they must.
CREATE TABLE attributes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
    type       text NOT NULL
        CHECK (type IN ('text', 'number', 'boolean', 'date', 'select', 'multi_select', 'color')),
    label      text NOT NULL,
    unit       text NOT NULL,
    min        double precision,
    max        double precision CHECK (max >= min),
    earliest   date,
    latest     date CHECK (latest >= earliest),
    max_length integer CHECK (max_length > 0),
    -- [{"value": …, "label": …, "hex": …}, …]: products have the value, and the rest is shown.
    choices    jsonb NOT NULL,
    filterable boolean NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT attributes_name UNIQUE (name)
);

CREATE TABLE product_types (
    id         uuid PRIMARY KEY,
    slug       text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT product_types_slug UNIQUE (slug)
);

CREATE TABLE product_type_attributes (
    type_id      uuid NOT NULL REFERENCES product_types ON DELETE CASCADE,
    attribute_id bigint NOT NULL REFERENCES attributes,
    position     integer NOT NULL,
    required     boolean NOT NULL,
    PRIMARY KEY (type_id, attribute_id)
);
CREATE INDEX product_type_attributes_of ON product_type_attributes (attribute_id);

-- The specifications of a product with a type stand by the numbers of its attributes, {"17": 350}; without one by name.
-- So what a type no longer has is seen no more, and an attribute made again under an old name finds nothing of before.
ALTER TABLE products ADD COLUMN product_type_id uuid REFERENCES product_types;
CREATE INDEX products_of_type ON products (product_type_id) WHERE product_type_id IS NOT NULL;

-- What a product's type says of it, in the type's order, each with what of its choices it has; null without a type.
CREATE FUNCTION shown_specifications(of_type uuid, kept jsonb) RETURNS jsonb LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT coalesce(jsonb_agg(
        jsonb_build_object(
            'name', attribute.name, 'label', attribute.label, 'type', attribute.type, 'unit', attribute.unit,
            'value', kept -> attribute.id::text,
            'chosen', (
                SELECT coalesce(jsonb_agg(choice ORDER BY place), '[]')
                FROM jsonb_array_elements(attribute.choices) WITH ORDINALITY AS listed (choice, place)
                WHERE kept -> attribute.id::text @> (choice -> 'value')
            )
        )
        ORDER BY used.position
    ), '[]')
    FROM product_type_attributes AS used JOIN attributes AS attribute ON attribute.id = used.attribute_id
    WHERE used.type_id = of_type AND kept ? attribute.id::text;
END;

-- And back, from values by name.
CREATE FUNCTION kept_specifications(of_type uuid, said jsonb) RETURNS jsonb LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT coalesce(jsonb_object_agg(attribute.id, said -> attribute.name), '{}')
    FROM product_type_attributes AS used JOIN attributes AS attribute ON attribute.id = used.attribute_id
    WHERE used.type_id = of_type AND said ? attribute.name;
END;
