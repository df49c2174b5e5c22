--! compatible with 0006
-- Behavior, which is much and none of it money: what somebody looked at, searched for, put into a cart. It goes in
-- batches, without a row for each event or each of those who read it.

-- What this service wrote. Of a topic the ids are given one commit after the other, so whoever reads past one has missed
-- none before it. `batch` is the writer's own name for it: one that is written again is there once.
CREATE TABLE stream_batches (
    topic  text NOT NULL,
    id     bigint GENERATED ALWAYS AS IDENTITY,
    batch  uuid NOT NULL UNIQUE,
    at     timestamptz NOT NULL DEFAULT now(),
    events integer NOT NULL CHECK (events > 0),
    -- A line of JSON for each event, compressed by zlib.
    data   bytea NOT NULL,
    PRIMARY KEY (topic, id)
);
ALTER TABLE stream_batches ALTER COLUMN data SET STORAGE EXTERNAL;

-- How far this service has read in what others write: `done` events of the batch `next`, and all that is before it.
CREATE TABLE stream_offsets (
    source text NOT NULL,
    topic  text NOT NULL,
    next   bigint NOT NULL,
    done   integer NOT NULL,
    PRIMARY KEY (source, topic)
);

-- The events that this service could not handle, passed by.
CREATE TABLE stream_parked (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source    text NOT NULL,
    topic     text NOT NULL,
    event     jsonb NOT NULL,
    error     text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stream_parked_at ON stream_parked (parked_at);
