--! compatible with 0010

-- When a product goes on sale and off it again. `status` is then no more what its seller says alone: an active product is
-- `scheduled` before the first and `ended` from the second on, and so stands in none of the lists of what is sold.
-- Not valid: both are wider than the checks that they replace.
ALTER TABLE products
    ADD COLUMN publish_at timestamptz,
    ADD COLUMN unpublish_at timestamptz,
    ADD CONSTRAINT products_published_before CHECK (publish_at < unpublish_at) NOT VALID,
    DROP CONSTRAINT products_status_check,
    ADD CONSTRAINT products_status_check
        CHECK (status IN ('draft', 'active', 'archived', 'scheduled', 'ended')) NOT VALID,
    DROP CONSTRAINT products_active_has_price,
    ADD CONSTRAINT products_active_has_price CHECK (status IN ('draft', 'archived') OR currency IS NOT NULL) NOT VALID;

CREATE FUNCTION status_at(said text, publish_at timestamptz, unpublish_at timestamptz, moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN said <> 'active' THEN said
    WHEN unpublish_at <= moment THEN 'ended'
    WHEN publish_at > moment THEN 'scheduled'
    ELSE 'active'
END;

-- What falls due next.
CREATE INDEX products_due ON products ((
    CASE status WHEN 'scheduled' THEN publish_at WHEN 'active' THEN unpublish_at END
)) WHERE CASE status WHEN 'scheduled' THEN publish_at WHEN 'active' THEN unpublish_at END IS NOT NULL;
