-- Files that were uploaded. Their bytes are in the storage, under names that follow from what stands here.

CREATE TABLE files (
    id         uuid PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('product', 'avatar', 'document')),
    -- `shop`, or `seller` or `user` with the id behind a space.
    owner      text NOT NULL CHECK (owner ~ '^(shop|(seller|user) [0-9a-f-]{36})$'),
    -- Null: it came with an import.
    uploader   uuid,
    kind       text NOT NULL CHECK (kind IN ('jpeg', 'png', 'webp', 'avif', 'gif', 'pdf')),
    size       bigint NOT NULL CHECK (size > 0),
    sha256     bytea NOT NULL CHECK (length(sha256) = 32),
    alt        text NOT NULL,
    focal_x    double precision NOT NULL CHECK (focal_x BETWEEN 0 AND 1),
    focal_y    double precision NOT NULL CHECK (focal_y BETWEEN 0 AND 1),
    state      text NOT NULL CHECK (state IN ('uploaded', 'ready', 'rejected')),
    -- Why it was rejected.
    reason     text,
    -- How often its pictures were made, and what they are.
    revision   bigint NOT NULL DEFAULT 0,
    picture    jsonb,
    -- By which its links are signed.
    link_key   bytea NOT NULL,
    -- When its pictures are to be made, and how often that was tried; null: they need not be.
    due_at     timestamptz,
    attempts   integer NOT NULL DEFAULT 0,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Since when nobody names it; null: somebody does.
    unused_at  timestamptz DEFAULT now(),
    -- Since when it is gone. Its bytes stay for a while.
    ended_at   timestamptz,
    CONSTRAINT files_rejected_for_a_reason CHECK ((state = 'rejected') = (reason IS NOT NULL)),
    CONSTRAINT files_pictures CHECK (state <> 'ready' OR purpose = 'document' OR picture IS NOT NULL)
);
-- The same content of the same owner for the same use is one file.
CREATE UNIQUE INDEX files_once ON files (owner, purpose, sha256) WHERE ended_at IS NULL AND state <> 'rejected';
CREATE INDEX files_of_owner ON files (owner, purpose, id) WHERE ended_at IS NULL;
CREATE INDEX files_of_uploader ON files (uploader, purpose, created_at);
CREATE INDEX files_due ON files (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX files_unused ON files (unused_at) WHERE unused_at IS NOT NULL AND ended_at IS NULL;
CREATE INDEX files_ended ON files (ended_at) WHERE ended_at IS NOT NULL;

-- How much each owner has that is not gone.
CREATE TABLE owners (
    owner text PRIMARY KEY,
    files bigint NOT NULL CHECK (files >= 0),
    size  bigint NOT NULL CHECK (size >= 0)
);

-- Who names which files, as of a version of it.
CREATE TABLE uses (
    kind    text NOT NULL CHECK (kind IN ('product', 'user')),
    subject uuid NOT NULL,
    version bigint NOT NULL,
    files   uuid[] NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX uses_of_files ON uses USING gin (files);
