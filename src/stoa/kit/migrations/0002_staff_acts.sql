--! compatible with 0001
-- What staff and operators did, each row written in the transaction that did it. It holds ids and values, no
-- password, no token and no address, because nothing is ever taken away from it. Whoever acts holds the row that it
-- is about, so for one subject the order of `id` is the order in which things were done.
CREATE TABLE staff_acts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The id of the user who did it, with the roles of that moment; 'operator' stands for the command line.
    actor      text NOT NULL,
    roles      text[] NOT NULL,
    act        text NOT NULL CHECK (act ~ '^[a-z_]+\.[a-z_]+$'),
    subject    text NOT NULL,
    before     jsonb,
    after      jsonb,
    reason     text NOT NULL,
    request_id text NOT NULL,
    trace_id   text NOT NULL
);
CREATE INDEX staff_acts_on ON staff_acts (subject, id);
CREATE INDEX staff_acts_by ON staff_acts (actor, id);

CREATE FUNCTION staff_acts_stand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'staff_acts is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER staff_acts_stand BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_acts
    FOR EACH STATEMENT EXECUTE FUNCTION staff_acts_stand();
