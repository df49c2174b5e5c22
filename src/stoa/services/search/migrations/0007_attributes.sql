--! compatible with 0001
-- The shop's attributes as catalog told them last: few enough for every process to have all of them in memory.

CREATE TABLE attributes (
    name      text PRIMARY KEY,
    -- In JSON: its type, what it and its choices are called in each language, and whether a search is narrowed by it.
    attribute jsonb NOT NULL
);
-- Counts the changes of attributes.
ALTER TABLE feed ADD COLUMN attributes_revision bigint NOT NULL DEFAULT 0;

-- Documents of before have their variants' options among their attributes: catalog tells all of it again.
INSERT INTO stale (subject, ask)
SELECT subject, true FROM unnest(ARRAY['after 00000000-0000-0000-0000-000000000000', 'attributes']) AS told (subject)
WHERE EXISTS (SELECT FROM documents)
ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET ask = true, mark = excluded.mark;
