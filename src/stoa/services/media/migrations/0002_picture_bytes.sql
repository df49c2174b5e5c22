-- How many bytes its pictures have together, to see that none has become less; null where they were made before.
ALTER TABLE files ADD COLUMN picture_bytes bigint;
