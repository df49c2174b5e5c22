-- What can be found: a document for each product, which the index of every process follows by revision.
--
-- Lock order, everywhere: feed, then skus, then stale, then documents, each by its key.

-- One row. Whoever writes documents or rules holds it to the commit, so the order of the revisions is that of the commits.
CREATE TABLE feed (
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Of the newest change of a document.
    revision       bigint NOT NULL DEFAULT 0,
    -- Counts how often all indexes were to be built anew.
    generation     bigint NOT NULL DEFAULT 0,
    -- Counts the changes of what staff say about searches.
    rules_revision bigint NOT NULL DEFAULT 0,
    -- Of the newest tombstone that has ended: an index that is behind it may have what is gone.
    forgotten      bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO feed DEFAULT VALUES;

CREATE TABLE documents (
    product_id      uuid PRIMARY KEY,
    -- As of which version of catalog's product.
    product_version bigint NOT NULL,
    revision        bigint NOT NULL,
    category_id     uuid,
    -- In JSON, as the index takes it; null: nobody finds it any more.
    document        bytea,
    changed_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX documents_by_revision ON documents (revision);
CREATE INDEX documents_of_categories ON documents (category_id) WHERE category_id IS NOT NULL;
CREATE INDEX documents_gone ON documents (changed_at) WHERE document IS NULL;

-- Whether a SKU can be bought, as inventory's events tell. What was asked for has version 0: every event is newer.
CREATE TABLE skus (
    sku        text PRIMARY KEY CHECK (length(sku) BETWEEN 1 AND 64),
    -- Null until the product is known.
    product_id uuid,
    available  boolean NOT NULL,
    version    bigint NOT NULL
);
CREATE INDEX skus_of_products ON skus (product_id) WHERE product_id IS NOT NULL;

-- What may not be as its document says. A mark that is not the one that was read was set anew meanwhile.
CREATE SEQUENCE marks;
CREATE TABLE stale (
    -- A product's id, or `categories`: the whole tree.
    subject text PRIMARY KEY,
    -- Whether catalog has to be asked; else it is only stock, or where a category stands.
    ask     boolean NOT NULL,
    mark    bigint NOT NULL DEFAULT nextval('marks')
);
CREATE INDEX stale_by_mark ON stale (mark);

-- The tree as catalog told it last.
CREATE TABLE categories (
    id        uuid PRIMARY KEY,
    parent_id uuid,
    slug      text NOT NULL,
    name      text NOT NULL
);

-- The index of each process that runs, as it told last: for whoever waits for one that is built anew.
CREATE TABLE indexes (
    process    text PRIMARY KEY,
    -- What is being built, or was built last.
    generation bigint NOT NULL,
    -- Of how many changes it has how many; as many as there are when it answers.
    done       bigint NOT NULL,
    of         bigint NOT NULL,
    told_at    timestamptz NOT NULL DEFAULT now()
);
