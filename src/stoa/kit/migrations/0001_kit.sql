-- What every service's database has: the events it announces, the events it hears, the requests it answered.

-- Every fact that this service announced, in the order of `id`: append-only, for delivery and for the audit.
-- It is written after the aggregate's row is locked, so for one subject the order of ids is the order of commits.
CREATE TABLE event_log (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id          uuid NOT NULL UNIQUE,
    type              text NOT NULL,
    subject           text NOT NULL,
    aggregate_version bigint NOT NULL,
    time              timestamptz NOT NULL,
    traceparent       text NOT NULL,
    data              jsonb NOT NULL
);

-- Who must still get which event: a row goes when its recipient has it. The fact itself is in event_log, so a
-- row is small, a recipient that is down for a day costs the others nothing, and a row that is put back after
-- a refusal takes its old place in the order. No foreign key: both rows come from one statement, and pruning
-- leaves what is still owed.
CREATE TABLE outbox (
    recipient text NOT NULL,
    id        bigint NOT NULL,
    shard     smallint NOT NULL CHECK (shard BETWEEN 0 AND 15),
    PRIMARY KEY (recipient, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_threshold = 2000);

-- What a recipient refused, and what came for it about the same subject afterwards, in order, until it is redriven.
CREATE TABLE outbox_parked (
    recipient text NOT NULL,
    id        bigint NOT NULL,
    shard     smallint NOT NULL,
    subject   text NOT NULL,
    reason    text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (recipient, id)
);
CREATE INDEX outbox_parked_by_subject ON outbox_parked (recipient, subject);

-- Every event that this service got, once. `seq` is the order of arrival. An event that is undone runs when its
-- `retry_at` has come and nothing before it of the same source and subject is undone; a parked one waits for a person.
CREATE TABLE inbox (
    event_id          uuid PRIMARY KEY,
    seq               bigint GENERATED ALWAYS AS IDENTITY,
    type              text NOT NULL,
    source            text NOT NULL,
    subject           text NOT NULL,
    aggregate_version bigint NOT NULL,
    time              timestamptz NOT NULL,
    traceparent       text NOT NULL,
    data              jsonb NOT NULL,
    received_at       timestamptz NOT NULL DEFAULT now(),
    attempts          smallint NOT NULL DEFAULT 0,
    retry_at          timestamptz NOT NULL DEFAULT now(),
    error             text,
    parked_at         timestamptz,
    done_at           timestamptz
);
CREATE INDEX inbox_due ON inbox (seq) WHERE done_at IS NULL AND parked_at IS NULL;
CREATE INDEX inbox_undone_of_subject ON inbox (source, subject, aggregate_version, seq) WHERE done_at IS NULL;
CREATE INDEX inbox_done ON inbox (done_at) WHERE done_at IS NOT NULL;

-- One row for each mutating request that came with an Idempotency-Key. `claim` names the attempt that works on it,
-- `session` the application_name of the connections of its process: when none is left, the process is dead.
-- `applied` is set inside the transaction that has the request's effect, the answer afterwards.
CREATE TABLE idempotency_keys (
    scope       text NOT NULL,
    key         text NOT NULL,
    claim       uuid NOT NULL,
    session     text NOT NULL,
    body_hash   bytea NOT NULL,
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    applied     boolean NOT NULL DEFAULT false,
    status      smallint,
    headers     jsonb,
    body        bytea,
    answered_at timestamptz,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (claimed_at);
