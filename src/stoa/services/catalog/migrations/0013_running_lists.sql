--! compatible with 0012
-- Whether there is any list that has not ended is asked with each read of variants.
CREATE INDEX price_lists_not_ended ON price_lists ((coalesce(ends_at, 'infinity'))) WHERE status = 'active';
