--! compatible with 0004
-- The provider had its time and gave no answer to Authorize: a repeat waits for what is found out, and asks no more.
ALTER TABLE payments ADD COLUMN silent boolean NOT NULL DEFAULT false;
