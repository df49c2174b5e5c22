--! compatible with 0004
-- How often a network was told that an address has an account: `full_at` is when it may be told as often as at first.
CREATE TABLE networks_told (
    network text PRIMARY KEY,
    full_at timestamptz NOT NULL
);
CREATE INDEX networks_told_by_end ON networks_told (full_at);

-- Who was asked by mail to prove that an address (its SHA-256) is theirs; of the code in the mail only the SHA-256.
-- Where the address has an account the mail has no code, and what is here is the hash of one that nobody was sent.
CREATE TABLE address_proofs (
    account   bytea PRIMARY KEY,
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    ends_at   timestamptz NOT NULL
);
CREATE INDEX address_proofs_by_end ON address_proofs (ends_at);
