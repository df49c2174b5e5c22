--! compatible with 0004
-- Since when who hears of what: what was announced before somebody came is not owed to him. A row is made when a
-- process of this service first starts with the hearer on its page, and goes when an operator lets the hearer go.
CREATE TABLE hearers (
    recipient text NOT NULL,
    type      text NOT NULL,
    after_id  bigint NOT NULL,
    since     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (recipient, type)
);

-- A shop from before this table: those on the page at the next start have heard everything that is in the log.
INSERT INTO hearers (recipient, type, after_id) SELECT '', '', 0 WHERE EXISTS (SELECT FROM event_log);
