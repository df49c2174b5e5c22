--! compatible with 0015

-- Products put together by hand, or by rules. Which products are in one is kept in rows, so a page of it is read by its
-- index in any order.
CREATE TABLE collections (
    id          uuid PRIMARY KEY,
    slug        text NOT NULL CONSTRAINT collections_slug UNIQUE
                CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description text NOT NULL,
    image       jsonb,
    seo         jsonb,
    sort        text NOT NULL CHECK (sort IN ('position', 'newest', 'price', '-price', 'name')),
    published   boolean NOT NULL,
    -- Null: its products are chosen by hand.
    match       text CHECK (match IN ('all', 'any')),
    conditions  jsonb CHECK ((conditions IS NULL) = (match IS NULL)),
    -- What of a product the conditions look at: a change of anything else is none of theirs.
    looks_at    text[] NOT NULL,
    -- Whether its products follow what was changed of it: they do so in rounds, in the order of their ids, up to
    -- `settled_to`. Due: a round has yet to begin. Null: they have followed.
    settling    text CHECK (settling IN ('due', 'begun')),
    settled_to  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- Whether those that stay are told, too: of its slug, or that it is shown.
    retell      boolean NOT NULL DEFAULT false,
    -- Gone for everybody; its row goes with the last of its products.
    removed     boolean NOT NULL DEFAULT false,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX collections_settling ON collections (settling, id) WHERE settling IS NOT NULL;

CREATE TABLE collection_products (
    collection_id uuid NOT NULL REFERENCES collections,
    product_id    uuid NOT NULL REFERENCES products,
    position      integer NOT NULL DEFAULT 0,
    -- When what the rules look at may be true no more, because time passes.
    look_again_at timestamptz,
    -- As the product's own; kept by the trigger below.
    standing      text NOT NULL,
    price_minor   bigint NOT NULL,
    name          text NOT NULL,
    PRIMARY KEY (collection_id, product_id)
);
CREATE INDEX collection_products_of ON collection_products (product_id);
CREATE INDEX collection_products_newest ON collection_products (collection_id, standing, product_id);
CREATE INDEX collection_products_by_position ON collection_products (collection_id, standing, position, product_id);
CREATE INDEX collection_products_by_price ON collection_products (collection_id, standing, price_minor, product_id);
CREATE INDEX collection_products_by_name ON collection_products (collection_id, standing, name, product_id);
CREATE INDEX collection_products_due ON collection_products (look_again_at) WHERE look_again_at IS NOT NULL;

CREATE FUNCTION place_in_collections() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE collection_products
    SET standing = NEW.standing, price_minor = NEW.price_minor, name = lower(left(NEW.name, 60))
    WHERE product_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER products_placed_in_collections AFTER UPDATE ON products FOR EACH ROW
    WHEN ((NEW.standing, NEW.price_minor, NEW.name) IS DISTINCT FROM (OLD.standing, OLD.price_minor, OLD.name))
    EXECUTE FUNCTION place_in_collections();
