--! compatible with 0009
-- Customers for whom something is not as for everybody: prices. Their names stand in the tokens of their members.
CREATE TABLE customer_groups (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(name) <= 40),
    description text NOT NULL DEFAULT '',
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE customer_group_members (
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    "group"   text NOT NULL REFERENCES customer_groups (name),
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, "group")
);
CREATE INDEX customer_group_members_of ON customer_group_members ("group", user_id);
