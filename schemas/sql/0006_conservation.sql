-- What became of the records of each Kafka partition, counted in the transactions that move its offset:
-- next_offset - start_offset = stored + duplicates + dead_letters + no_record, unless some were lost.
ALTER TABLE consumer_offsets
  ADD COLUMN start_offset bigint NOT NULL DEFAULT 0,  -- where counting began
  ADD COLUMN stored       bigint NOT NULL DEFAULT 0,
  ADD COLUMN duplicates   bigint NOT NULL DEFAULT 0,
  ADD COLUMN dead_letters bigint NOT NULL DEFAULT 0,
  ADD COLUMN no_record    bigint NOT NULL DEFAULT 0;  -- offsets that Kafka has nothing at
UPDATE consumer_offsets SET start_offset = next_offset;
