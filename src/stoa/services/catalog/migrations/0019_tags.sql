--! compatible with 0018

-- What has which tag, in the order in which lists are shown: a page reads only its products, and a look for the next tag
-- reads one row. `products.tags` says the same of each product in its own order.
CREATE TABLE product_tags (
    standing   text NOT NULL,
    tag        text NOT NULL,
    product_id uuid NOT NULL,
    PRIMARY KEY (standing, tag, product_id)
);
INSERT INTO product_tags (standing, tag, product_id)
SELECT DISTINCT standing, tag, id FROM products, unnest(tags) AS tag;

-- Whoever writes a product, the list is right.
CREATE FUNCTION list_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM product_tags WHERE standing = OLD.standing AND tag = ANY(OLD.tags) AND product_id = OLD.id;
    END IF;
    INSERT INTO product_tags (standing, tag, product_id) SELECT NEW.standing, tag, NEW.id FROM unnest(NEW.tags) AS tag
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER products_tags_made AFTER INSERT ON products FOR EACH ROW
    WHEN (NEW.tags <> '{}') EXECUTE FUNCTION list_tags();
CREATE TRIGGER products_tags_changed AFTER UPDATE ON products FOR EACH ROW
    WHEN (NEW.tags <> OLD.tags OR (NEW.tags <> '{}' AND NEW.standing <> OLD.standing))
    EXECUTE FUNCTION list_tags();
