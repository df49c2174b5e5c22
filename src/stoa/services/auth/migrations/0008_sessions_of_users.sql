--! compatible with 0007
--! concurrently
-- Who deletes an account looks for all its sessions, also those that have ended.
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_of_user ON sessions (user_id);
