--! compatible with 0007
-- What the shop's own fields say of products, variants and categories, by their numbers (`custom_fields`), and what its
-- programs note.
ALTER TABLE products
    ADD COLUMN custom_fields jsonb,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
ALTER TABLE variants
    ADD COLUMN custom_fields jsonb,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
ALTER TABLE categories
    ADD COLUMN custom_fields jsonb,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';

CREATE TRIGGER products_fields_made AFTER INSERT ON products FOR EACH ROW
    WHEN (NEW.custom_fields IS NOT NULL) EXECUTE FUNCTION list_custom_fields();
CREATE TRIGGER products_fields_changed AFTER UPDATE ON products FOR EACH ROW
    WHEN (
        NEW.custom_fields IS DISTINCT FROM OLD.custom_fields
        OR (NEW.custom_fields IS NOT NULL AND NEW.standing IS DISTINCT FROM OLD.standing)
    )
    EXECUTE FUNCTION list_custom_fields();
