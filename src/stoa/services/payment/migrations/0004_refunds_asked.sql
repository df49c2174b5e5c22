--! compatible with 0003
-- Which version of the payment a refund made when it was asked for: what was decided on an older one did not know of it.
ALTER TABLE refunds ADD COLUMN asked_version bigint;
