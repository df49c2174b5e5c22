--! compatible with 0001
-- What categories are called in other languages of the shop, by locale.

ALTER TABLE categories ADD COLUMN names jsonb NOT NULL DEFAULT '{}', ADD COLUMN slugs jsonb NOT NULL DEFAULT '{}';

-- Documents of before have neither these nor the sizes of their images: catalog tells all of it again.
INSERT INTO stale (subject, ask)
SELECT subject, true FROM unnest(ARRAY['after 00000000-0000-0000-0000-000000000000', 'categories']) AS told (subject)
WHERE EXISTS (SELECT FROM documents)
ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET ask = true, mark = excluded.mark;
