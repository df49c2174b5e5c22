--! compatible with 0003
-- What is forgotten on a timer is found by index: tallies of who never got in, and of networks that owners came from.
CREATE INDEX guesses_in_vain ON guesses (coalesce(failed_at, '-infinity')) WHERE succeeded_at IS NULL;
CREATE INDEX guesses_known ON guesses (succeeded_at) WHERE succeeded_at IS NOT NULL;
