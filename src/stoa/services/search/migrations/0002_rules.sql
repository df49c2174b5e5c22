-- What staff say about searches. Few enough for every process to have all of it in memory.

CREATE TABLE synonyms (
    id         uuid PRIMARY KEY,
    -- Null: the words are a group, each of which means the others. Else who searches for it finds the words, too.
    term       text CHECK (length(term) BETWEEN 1 AND 100),
    words      text[] NOT NULL CHECK (cardinality(words) BETWEEN 1 AND 50),
    version    bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rules (
    id         uuid PRIMARY KEY,
    -- As searches are compared.
    query      text NOT NULL CONSTRAINT rules_one_of_a_query UNIQUE CHECK (length(query) BETWEEN 1 AND 100),
    pinned     uuid[] NOT NULL CHECK (cardinality(pinned) <= 50),
    buried     uuid[] NOT NULL CHECK (cardinality(buried) <= 50),
    -- Where who searches for it is sent instead.
    redirect   text CHECK (length(redirect) BETWEEN 1 AND 2000),
    version    bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);
