--! compatible with 0003
-- What the shop's own fields say of orders and their lines, by their numbers (`custom_fields`), and what its programs
-- note. `said` is what came with the cart's line, by name, as it was then: like a line's name and price it stays.
ALTER TABLE orders
    ADD COLUMN custom_fields jsonb,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
ALTER TABLE order_items
    ADD COLUMN said jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN custom_fields jsonb,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';

CREATE TRIGGER orders_fields_made AFTER INSERT ON orders FOR EACH ROW
    WHEN (NEW.custom_fields IS NOT NULL) EXECUTE FUNCTION list_custom_fields();
CREATE TRIGGER orders_fields_changed AFTER UPDATE OF custom_fields ON orders FOR EACH ROW
    WHEN (NEW.custom_fields IS DISTINCT FROM OLD.custom_fields) EXECUTE FUNCTION list_custom_fields();
