--! compatible with 0008
-- Who changes a member may say which version they saw: that of the seller which the member was set in.
ALTER TABLE seller_members ADD COLUMN version bigint NOT NULL DEFAULT 1;
