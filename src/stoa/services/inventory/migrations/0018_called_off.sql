--! compatible with 0017
-- Units that were owed to an order and are not any more, while it stands: whoever reads what is owed leaves them out.
ALTER TABLE backorders
    DROP CONSTRAINT backorders_filled,
    ADD CONSTRAINT backorders_filled CHECK (
        CASE state
            WHEN 'open' THEN 0 <= filled AND filled < quantity
            WHEN 'filled' THEN filled = quantity
            WHEN 'canceled' THEN 0 <= filled AND filled < quantity
            WHEN 'called_off' THEN 0 <= filled AND filled < quantity
            WHEN 'expired' THEN 0 <= filled AND filled < quantity
            ELSE false
        END
    ) NOT VALID;
ALTER TABLE backorders VALIDATE CONSTRAINT backorders_filled;
