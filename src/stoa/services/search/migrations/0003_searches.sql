-- What was searched for, by day, and by nobody in particular.
CREATE TABLE searches (
    day     date NOT NULL,
    -- As searches are compared; empty: the rest of a day that had more of them than are kept.
    query   text NOT NULL CHECK (length(query) <= 100),
    times   bigint NOT NULL CHECK (times > 0),
    -- How often nothing was found.
    without bigint NOT NULL CHECK (without BETWEEN 0 AND times),
    -- How many were found, of all times together.
    results bigint NOT NULL,
    PRIMARY KEY (day, query)
);
