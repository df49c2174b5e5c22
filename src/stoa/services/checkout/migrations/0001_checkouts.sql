-- The saga of each purchase, and the answer to the request that began it.
--
-- `step` is the furthest step that was recorded before it was done (while compensating: the one that is being
-- undone). `data` is what the saga knows. The answer is stored with the state that decides it; a checkout that
-- failed for want of a neighbour gives its key back, so that the same request may be sent again.
CREATE TABLE checkouts (
    id            uuid PRIMARY KEY,
    scope         text NOT NULL CHECK (length(scope) <= 200),
    key           text CHECK (length(key) BETWEEN 1 AND 300),
    body_hash     bytea NOT NULL,
    order_id      uuid NOT NULL UNIQUE,
    user_id       uuid,
    state         text NOT NULL CHECK (state IN ('running', 'compensating', 'completed', 'failed', 'needs_attention')),
    parked_from   text CHECK (parked_from IN ('running', 'compensating')),
    step          text NOT NULL,
    data          jsonb NOT NULL,
    attempts      integer NOT NULL DEFAULT 1,
    lease_owner   text NOT NULL,
    lease_until   timestamptz NOT NULL,
    error         text,
    answer_status smallint,
    answer_body   bytea,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (scope, key),
    CHECK ((state = 'needs_attention') = (parked_from IS NOT NULL)),
    CHECK ((answer_status IS NULL) = (answer_body IS NULL)),
    CHECK (answer_status IS NOT NULL OR state NOT IN ('completed', 'failed'))
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);

-- No index has a column that a step changes, so that recording one stays on its page.
CREATE INDEX checkouts_open ON checkouts (id) WHERE state IN ('running', 'compensating');
CREATE INDEX checkouts_in_need ON checkouts (id) WHERE state = 'needs_attention';
