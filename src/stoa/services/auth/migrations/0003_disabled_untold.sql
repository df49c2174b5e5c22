--! compatible with 0002

-- Who was disabled before that was announced: told of at the next start, and then there is nobody left.
CREATE INDEX users_disabled_untold ON users (id) WHERE disabled_at IS NOT NULL AND version = 1;
