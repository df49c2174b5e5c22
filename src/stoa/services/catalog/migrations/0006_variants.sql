-- A variant has an id of its own, and what tells it from its siblings is rows: an option's name and its values have
-- ids, under which they can be renamed and translated. Code of before this reads and writes `variants.options`.

ALTER TABLE variants
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- Its options' values, in the order of their ids.
    ADD COLUMN option_values uuid[] NOT NULL DEFAULT '{}';
ALTER TABLE variants
    DROP CONSTRAINT variants_pkey,
    ALTER COLUMN id DROP DEFAULT,
    ADD CONSTRAINT variants_pkey PRIMARY KEY (id),
    -- In the whole shop, for as long as stock, carts and orders go by it.
    ADD CONSTRAINT variants_sku UNIQUE (sku);

CREATE TABLE product_options (
    id         uuid PRIMARY KEY,
    product_id uuid NOT NULL REFERENCES products,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    position   integer NOT NULL,
    CONSTRAINT product_options_name UNIQUE (product_id, name)
);
CREATE TABLE option_values (
    id        uuid PRIMARY KEY,
    option_id uuid NOT NULL REFERENCES product_options,
    value     text NOT NULL CHECK (length(value) <= 200),
    CONSTRAINT option_values_value UNIQUE (option_id, value)
);

-- Of siblings with the same options, which nothing told apart until now, all but the first have theirs in their name.
UPDATE variants SET
    options = '{}',
    name = CASE WHEN name <> '' THEN name ELSE (
        SELECT left(string_agg(option.key || ': ' || option.value, ', ' ORDER BY option.key), 200)
        FROM jsonb_each_text(variants.options) AS option
    ) END
FROM (
    SELECT sku, row_number() OVER (PARTITION BY product_id, options ORDER BY position, sku) AS place
    FROM variants WHERE options <> '{}' AND archived_at IS NULL
) AS same
WHERE same.sku = variants.sku AND same.place > 1;

INSERT INTO product_options (id, product_id, name, position)
SELECT gen_random_uuid(), product_id, option.key,
    row_number() OVER (PARTITION BY product_id ORDER BY min(variants.position), option.key) - 1
FROM variants, jsonb_each_text(variants.options) AS option
GROUP BY product_id, option.key;

INSERT INTO option_values (id, option_id, value)
SELECT gen_random_uuid(), product_options.id, option.value
FROM variants, jsonb_each_text(variants.options) AS option
JOIN product_options ON product_options.name = option.key
WHERE product_options.product_id = variants.product_id
GROUP BY product_options.id, option.value;

UPDATE variants SET option_values = ARRAY(
    SELECT option_values.id
    FROM jsonb_each_text(variants.options) AS option
    JOIN product_options ON product_options.product_id = variants.product_id AND product_options.name = option.key
    JOIN option_values ON option_values.option_id = product_options.id AND option_values.value = option.value
    ORDER BY option_values.id
)
WHERE options <> '{}';

ALTER TABLE variants
    DROP COLUMN options,
    -- Compared at the end of a transaction: two siblings may change places.
    ADD CONSTRAINT variants_told_apart EXCLUDE USING btree (product_id WITH =, option_values WITH =)
        WHERE (archived_at IS NULL AND option_values <> '{}') DEFERRABLE INITIALLY DEFERRED;
