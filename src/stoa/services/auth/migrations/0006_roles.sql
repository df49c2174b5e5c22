--! compatible with 0005
-- A role is a set of permissions: those that come with a shop, and those that its admins make. What the names of
-- permissions are the services declare; here is only who has which. Code of before knows the first three by name.
-- `version` counts the changes of a role: a token says of which its permissions are.
CREATE TABLE roles (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,49}$'),
    description text NOT NULL,
    built_in    boolean NOT NULL,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE role_permissions (
    role       text NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    permission text NOT NULL,
    PRIMARY KEY (role, permission)
);

-- Which permissions the roles that come with a shop have been given, once: what an admin took away stays away.
CREATE TABLE known_permissions (name text PRIMARY KEY);

INSERT INTO roles (name, description, built_in)
VALUES ('customer', 'Buys', true), ('seller', 'Sells and counts what is his', true), ('admin', 'May do everything', true);
INSERT INTO role_permissions (role, permission) VALUES ('admin', '*');

-- Which roles there are the table says now; whoever gives one holds its row.
ALTER TABLE users DROP CONSTRAINT users_roles_check,
    ADD CONSTRAINT users_roles_check CHECK (cardinality(roles) BETWEEN 1 AND 16);
CREATE INDEX users_beyond_customers ON users (id) WHERE roles <> '{customer}';
