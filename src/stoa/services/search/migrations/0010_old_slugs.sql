--! compatible with 0001
-- The slugs that a category had and none has now: who asks by one means the one that it was. An array, in JSON.

ALTER TABLE categories ADD COLUMN old_slugs jsonb NOT NULL DEFAULT '[]';

-- Catalog tells those of before, and those of collections with the products.
INSERT INTO stale (subject, ask)
SELECT subject, true FROM unnest(ARRAY['after 00000000-0000-0000-0000-000000000000', 'categories']) AS told (subject)
WHERE EXISTS (SELECT FROM documents)
ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET ask = true, mark = excluded.mark;
