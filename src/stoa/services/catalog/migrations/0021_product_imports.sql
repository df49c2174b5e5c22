--! compatible with 0020

-- Files of products that somebody brings. The file lies here in pieces until it is worked off, so that any process of the
-- service may do that; what was refused stays with it for a while, to be mended and sent again.
CREATE TABLE product_imports (
    id           uuid PRIMARY KEY,
    state        text NOT NULL CHECK (state IN ('uploading', 'waiting', 'running', 'done', 'failed', 'canceled')),
    file_name    text NOT NULL CHECK (length(file_name) <= 200),
    format       text NOT NULL CHECK (format IN ('csv', 'jsonl')),
    source       text NOT NULL CHECK (source IN ('stoa', 'shopify', 'woocommerce')),
    -- Ours by those of the file.
    columns      jsonb NOT NULL DEFAULT '{}',
    dry_run      boolean NOT NULL,
    -- Who brought it, with what he might do then.
    user_id      text NOT NULL,
    principal    jsonb NOT NULL,
    bytes        bigint NOT NULL DEFAULT 0,
    -- How far it was read: of its bytes, for who watches, and of its products, where the next round goes on.
    bytes_done   bigint NOT NULL DEFAULT 0,
    entries_done bigint NOT NULL DEFAULT 0,
    created      bigint NOT NULL DEFAULT 0,
    updated      bigint NOT NULL DEFAULT 0,
    unchanged    bigint NOT NULL DEFAULT 0,
    refused      bigint NOT NULL DEFAULT 0,
    header       jsonb NOT NULL DEFAULT '[]',
    left_out     jsonb NOT NULL DEFAULT '[]',
    failure      text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    CONSTRAINT product_imports_failed CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CONSTRAINT product_imports_ended CHECK ((state IN ('done', 'failed', 'canceled')) = (ended_at IS NOT NULL))
);
CREATE INDEX product_imports_waiting ON product_imports (id) WHERE state IN ('waiting', 'running');
CREATE INDEX product_imports_of ON product_imports (user_id, id);

CREATE TABLE product_import_pieces (
    import_id uuid NOT NULL REFERENCES product_imports ON DELETE CASCADE,
    at        integer NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (import_id, at)
);
-- They come compressed or are gone within minutes.
ALTER TABLE product_import_pieces ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE product_import_refusals (
    import_id uuid NOT NULL REFERENCES product_imports ON DELETE CASCADE,
    -- Where it begins in the file.
    line      bigint NOT NULL,
    -- What stands there: rows of cells, or a line of JSON.
    raw       jsonb NOT NULL,
    problem   jsonb NOT NULL,
    PRIMARY KEY (import_id, line)
);
