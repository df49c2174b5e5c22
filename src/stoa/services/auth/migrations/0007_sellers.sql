--! compatible with 0006
-- A seller is an account of its own, for which users act. Everybody who sells becomes one, of the same id as the user, so
-- that nothing that names the seller of a product changes. `selling` is what was last announced of it; `version` counts
-- the announcements, and begins past those that were made of the user.
CREATE TABLE sellers (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    blocked_at timestamptz,
    selling    boolean NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A manager sees who else is a member, and may take them out. Who has the role seller is a member somewhere.
CREATE TABLE seller_members (
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    seller_id uuid NOT NULL REFERENCES sellers (id) ON DELETE CASCADE,
    role      text NOT NULL CHECK (role IN ('manager', 'member')),
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, seller_id)
);
CREATE INDEX seller_members_of ON seller_members (seller_id, user_id);

INSERT INTO sellers (id, name, selling, version)
SELECT id, trim(first_name || ' ' || last_name), disabled_at IS NULL, version + 1000
FROM users WHERE roles <> '{customer}' AND 'seller' = ANY (roles);
INSERT INTO seller_members (user_id, seller_id, role) SELECT id, id, 'manager' FROM sellers;
