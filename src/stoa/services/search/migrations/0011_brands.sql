--! compatible with 0001
-- Documents of before do not say the slug of a brand and what it was called: catalog tells all of them again.

INSERT INTO stale (subject, ask)
SELECT 'after 00000000-0000-0000-0000-000000000000', true WHERE EXISTS (SELECT FROM documents)
ON CONFLICT (subject) DO UPDATE SET ask = true, mark = excluded.mark;
