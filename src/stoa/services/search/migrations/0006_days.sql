--! compatible with 0001
-- Documents of before have the dates among their attributes as numbers: catalog tells all of it again.

INSERT INTO stale (subject, ask)
SELECT 'after 00000000-0000-0000-0000-000000000000', true WHERE EXISTS (SELECT FROM documents)
ON CONFLICT (subject) DO UPDATE SET ask = true, mark = excluded.mark;
