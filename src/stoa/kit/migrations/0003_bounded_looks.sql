--! compatible with 0002
-- What is looked for on a timer is found by an index, however much else there is.

-- An event is due by the clock: what waits for its next try is not read before.
DROP INDEX inbox_due;
CREATE INDEX inbox_due ON inbox (retry_at, seq) WHERE done_at IS NULL AND parked_at IS NULL;
CREATE INDEX inbox_parked ON inbox (seq) WHERE done_at IS NULL AND parked_at IS NOT NULL;

-- Whether an event of the log is still owed to somebody, and which is the oldest that is.
CREATE INDEX outbox_by_id ON outbox (id);
CREATE INDEX outbox_parked_by_id ON outbox_parked (id);
