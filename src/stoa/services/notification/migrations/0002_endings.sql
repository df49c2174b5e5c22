--! compatible with 0001
-- A mail's bodies are cut after a while, its row goes later; each look finds its rows by an index.
ALTER TABLE deliveries ALTER COLUMN text_body DROP NOT NULL, ALTER COLUMN html_body DROP NOT NULL;
CREATE INDEX deliveries_by_age ON deliveries (sent_at);
CREATE INDEX deliveries_with_bodies ON deliveries (sent_at) WHERE html_body IS NOT NULL;
