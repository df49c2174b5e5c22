--! compatible with 0008

-- What a search engine shows of a page, {"title": …, "description": …}; null where nobody said.
ALTER TABLE products ADD COLUMN seo jsonb;
ALTER TABLE categories ADD COLUMN seo jsonb;
