--! compatible with 0024

-- A slug in the shop's own language is its thing's in every other language, too. The one stands in the thing's row and
-- the other in a row of translations, so no unique key holds it: whoever writes either holds the slug until he commits,
-- and looks whose it is after that. Who writes a thing shares it: two with one slug meet in its own unique key.

-- Where another has it since, the page in the other language was that one's already.
UPDATE translations AS said SET slug = NULL
WHERE slug IN (
    SELECT slug FROM products WHERE said.kind = 'product' AND id <> said.thing_id
    UNION ALL SELECT slug FROM categories WHERE said.kind = 'category' AND id <> said.thing_id
    UNION ALL SELECT slug FROM collections WHERE said.kind = 'collection' AND id <> said.thing_id
);

CREATE INDEX translations_by_slug ON translations (kind, slug) WHERE slug IS NOT NULL;

-- One of 512 for a kind: PostgreSQL has room for some thousand locks, and many things are written at once. Who holds
-- several takes them in their order.
CREATE FUNCTION slug_lock(kind text, slug text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashtextextended('slug:' || kind, 0) & ~511::bigint) | (hashtext(slug) & 511)
$$;

-- As everywhere: nothing is added where a slug is taken, and nothing is renamed.
CREATE FUNCTION own_slug_is_free() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(slug_lock(TG_ARGV[0], NEW.slug));
    IF NOT EXISTS (
        SELECT FROM translations WHERE kind = TG_ARGV[0] AND slug = NEW.slug AND thing_id <> NEW.id
    ) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NULL;
    END IF;
    RAISE unique_violation USING MESSAGE = 'Another has the slug in a language.',
        DETAIL = format('Key (slug)=(%s) already exists.', NEW.slug);
END
$$;

CREATE FUNCTION translated_slug_is_free() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whose uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(slug_lock(NEW.kind, NEW.slug));
    CASE NEW.kind
        WHEN 'product' THEN SELECT id INTO whose FROM products WHERE slug = NEW.slug;
        WHEN 'category' THEN SELECT id INTO whose FROM categories WHERE slug = NEW.slug;
        WHEN 'collection' THEN SELECT id INTO whose FROM collections WHERE slug = NEW.slug;
    END CASE;
    IF whose <> NEW.thing_id THEN
        RAISE unique_violation USING MESSAGE = 'Another has the slug in the shop''s own language.',
            DETAIL = format('Key (slug)=(%s) already exists.', NEW.slug);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER products_slug_added BEFORE INSERT ON products FOR EACH ROW
    EXECUTE FUNCTION own_slug_is_free('product');
CREATE TRIGGER products_slug_changed BEFORE UPDATE OF slug ON products FOR EACH ROW
    WHEN (OLD.slug <> NEW.slug) EXECUTE FUNCTION own_slug_is_free('product');
CREATE TRIGGER categories_slug_added BEFORE INSERT ON categories FOR EACH ROW
    EXECUTE FUNCTION own_slug_is_free('category');
CREATE TRIGGER categories_slug_changed BEFORE UPDATE OF slug ON categories FOR EACH ROW
    WHEN (OLD.slug <> NEW.slug) EXECUTE FUNCTION own_slug_is_free('category');
CREATE TRIGGER collections_slug_added BEFORE INSERT ON collections FOR EACH ROW
    EXECUTE FUNCTION own_slug_is_free('collection');
CREATE TRIGGER collections_slug_changed BEFORE UPDATE OF slug ON collections FOR EACH ROW
    WHEN (OLD.slug <> NEW.slug) EXECUTE FUNCTION own_slug_is_free('collection');
-- Also where it stays: an older process may not have looked.
CREATE TRIGGER translations_slug_said BEFORE INSERT OR UPDATE ON translations FOR EACH ROW
    WHEN (NEW.slug IS NOT NULL) EXECUTE FUNCTION translated_slug_is_free();
