--! compatible with 0003
-- Of an account that was deleted the row stays, with nothing in it: what comes late, or again, must not bring it back.
ALTER TABLE user_profiles ADD COLUMN deleted_at timestamptz;
