--! compatible with 0002

-- Counts those changes of a row that only promised stock or gave it back. What is on hand has changed `version - holds`
-- times, and that is the version of who counts the shelf. Older code counts no holds: then it is higher than it need be.
ALTER TABLE stock ADD COLUMN holds bigint NOT NULL DEFAULT 0;
