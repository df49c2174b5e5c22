--! compatible with 0003
-- What is personal in an event goes only to who needs it, and is forgotten when it has been used.

-- The personal members of an event, beside the log, until everybody has it who hears of it. The log itself is kept.
CREATE TABLE event_personal (
    id   bigint PRIMARY KEY,
    data jsonb NOT NULL
);

-- Which members of `data` are cut out when the event is done.
ALTER TABLE inbox ADD COLUMN personal text[] NOT NULL DEFAULT '{}';
