-- What the read path looks up and 0001 does not serve.

-- The events of one trace. Those without one are not in it and do not pay for it.
-- Hash: ids are random, and a B-tree of them cost six times as much to write (docs/pipeline-read-path.md).
CREATE INDEX logs_trace ON logs USING hash (trace_id) WHERE trace_id IS NOT NULL;

-- What a partition has stored, in its order: the tail goes on from where a reader was. Appended to
-- at one place for each partition, so that it stays in memory.
CREATE INDEX logs_position ON logs (kafka_partition, kafka_offset);
