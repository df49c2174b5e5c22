-- Who may sign in, their sessions, what was guessed in vain, and the keys that sign tokens.

-- `email` is normalised (emails.py): one spelling per address. `password_hash` is null for a user who was imported
-- without one. `password_changed_at` counts from registering; a new hash of the same password does not move it.
-- `registration_key` is a hash of the Idempotency-Key that the account was registered under, for a day.
CREATE TABLE users (
    id                  uuid PRIMARY KEY,
    email               text NOT NULL UNIQUE CHECK (length(email) BETWEEN 3 AND 254),
    password_hash       text,
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    first_name          text NOT NULL,
    last_name           text NOT NULL,
    phone               text NOT NULL,
    roles               text[] NOT NULL
        CHECK (roles <@ ARRAY['customer', 'seller', 'admin'] AND cardinality(roles) BETWEEN 1 AND 3),
    disabled_at         timestamptz,
    registration_key    bytea UNIQUE,
    created_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_registered_lately ON users (created_at) WHERE registration_key IS NOT NULL;

-- A session is a family of refresh tokens, each the successor of one before. Whoever changes a session or its
-- tokens holds the session's row; whoever ends several holds the user's row first.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client     text NOT NULL,
    -- Why an operator opened it; null for a session that its user opened.
    reason     text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    ended_by   text CHECK (ended_by IN ('logout', 'reuse', 'password_changed', 'roles_changed', 'disabled')),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX sessions_alive ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Only the SHA-256 of a token is here. One token of a session is unused; the used ones tell theft from noise.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE UNIQUE INDEX refresh_tokens_unused ON refresh_tokens (session_id) WHERE used_at IS NULL;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);

-- Passwords tried in vain for an account (SHA-256 of its e-mail, whether or not it exists) from a client network,
-- and under client '*' from everywhere together. `succeeded_at`: the owner has signed in from that network.
CREATE TABLE guesses (
    account       bytea NOT NULL,
    client        text NOT NULL,
    failures      integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failed_at     timestamptz,
    blocked_until timestamptz,
    succeeded_at  timestamptz,
    PRIMARY KEY (account, client)
);

-- A key signs from `signs_from` until the next one does, and stays published while its tokens live.
CREATE TABLE signing_keys (
    kid         text PRIMARY KEY,
    private_pem text NOT NULL,
    public_jwk  jsonb NOT NULL,
    signs_from  timestamptz NOT NULL UNIQUE
);
