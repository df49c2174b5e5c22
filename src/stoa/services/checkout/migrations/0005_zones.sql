--! compatible with 0004
-- Where which taxes are due, and by which methods goods are sent where. A zone is edited and read as a whole.
CREATE TABLE zones (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('tax', 'shipping')),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    places     jsonb NOT NULL CHECK (jsonb_typeof(places) = 'array'),
    -- The rates of a tax zone; the methods of a shipping zone.
    rules      jsonb NOT NULL CHECK (jsonb_typeof(rules) = 'array'),
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX zones_of_kind ON zones (kind, id);

-- How often any zone was changed: each process has them all in memory, and sees by this number when they are others. Who
-- changes one holds the row, so that no two zones get the same place.
CREATE TABLE zones_revision (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision bigint NOT NULL DEFAULT 0
);
INSERT INTO zones_revision DEFAULT VALUES;
