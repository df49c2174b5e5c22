--! compatible with 0004
-- What whoever registers may have us do, by network: tell that an address has an account, send a mail to one.
-- `full_at` is when it may be done as often as at first.
CREATE TABLE network_allowances (
    network text NOT NULL,
    name    text NOT NULL,
    full_at timestamptz NOT NULL,
    PRIMARY KEY (network, name)
);
CREATE INDEX network_allowances_by_end ON network_allowances (full_at);

-- Who was asked by mail to prove that an address (its SHA-256) is theirs; of the code in the mail only the SHA-256.
-- Where the address has an account the mail has no code, and what is here is the hash of one that nobody was sent.
CREATE TABLE address_proofs (
    account   bytea PRIMARY KEY,
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    ends_at   timestamptz NOT NULL
);
CREATE INDEX address_proofs_by_end ON address_proofs (ends_at);
