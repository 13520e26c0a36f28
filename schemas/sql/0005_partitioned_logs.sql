-- logs becomes a table of partitions by the time in the event's id. No row is copied: the table that
-- was there becomes the partition logs_untimed.
--
-- Which partition an event belongs to follows from its id alone (log_id_time() below), so that the
-- same id always meets itself: a primary key on id in each partition makes ids unique in all of them,
-- without the time in the key. Therefore INSERT … ON CONFLICT DO NOTHING, without columns.

-- One row. Ids of an earlier time stay in logs_untimed, where those of before this migration are.
CREATE TABLE log_partitioning (
  only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  timed_from timestamptz NOT NULL
);
INSERT INTO log_partitioning (timed_from)
SELECT CASE WHEN EXISTS (SELECT FROM logs)
            THEN (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC'
            ELSE '1970-01-01 00:00:00+00'::timestamptz END;

-- The partitions that were made for a time; logs_untimed and logs_default are not among them.
CREATE TABLE log_partitions (
  name         text PRIMARY KEY,
  id_time_from timestamptz NOT NULL,
  id_time_to   timestamptz NOT NULL,
  -- Each row's ts_ns lies in [ts_ns_from, ts_ns_to): queries pass by what is outside of their time.
  -- Widened before a row is written that does not fit.
  ts_ns_from   bigint NOT NULL,
  ts_ns_to     bigint NOT NULL
);

-- The rule, for people; the consumer has it, too (src/pipeline/consumer/id_time.hpp): the time of a
-- version 7 UUID from timed_from to 2100, else -infinity.
CREATE FUNCTION log_id_time(id uuid) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN get_byte(b, 6) >> 4 = 7 AND ms >= extract(epoch FROM timed_from) * 1000
                   AND ms < 4102444800000
              THEN to_timestamp(ms / 1000.0) ELSE '-infinity' END
  FROM log_partitioning, uuid_send(id) AS b,
       LATERAL (SELECT ('x' || encode(substring(b FROM 1 FOR 6), 'hex'))::bit(48)::bigint AS ms) AS time
$$;

ALTER TABLE logs RENAME TO logs_untimed;
ALTER INDEX logs_pkey RENAME TO logs_untimed_pkey;
ALTER INDEX logs_newest RENAME TO logs_untimed_newest;
ALTER INDEX logs_service_newest RENAME TO logs_untimed_service_newest;
ALTER INDEX logs_trace RENAME TO logs_untimed_trace;
ALTER INDEX logs_position RENAME TO logs_untimed_position;

CREATE TABLE logs (LIKE logs_untimed INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
  PARTITION BY RANGE (id_time);
ALTER TABLE logs DROP CONSTRAINT logs_untimed_only;
-- The constraint that was proved says that all rows are inside: nothing is read.
ALTER TABLE logs ATTACH PARTITION logs_untimed FOR VALUES FROM (MINVALUE) TO ('1970-01-01 00:00:00+00');
ALTER TABLE logs_untimed DROP CONSTRAINT logs_untimed_only;

-- Those of logs_untimed are taken, not built again.
CREATE INDEX logs_newest ON logs (ts_ns, id);
CREATE INDEX logs_service_newest ON logs (service, ts_ns, id);
CREATE INDEX logs_trace ON logs USING hash (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX logs_position ON logs (kafka_partition, kafka_offset);

-- What has a time and no partition: ids from far off. It stays small, and finds what a partition that
-- is made later takes away from it.
CREATE TABLE logs_default PARTITION OF logs (PRIMARY KEY (id)) DEFAULT;
CREATE INDEX logs_default_id_time ON logs_default (id_time);

-- Ids from the future, so that they meet themselves when they come again: by the primary key, which
-- holds few between these two.
UPDATE logs SET id_time = log_id_time(id)
WHERE id_time = '-infinity' AND get_byte(uuid_send(id), 6) >> 4 = 7
  AND id < '03bb2cc3-d800-0000-0000-000000000000'
  AND id >= (SELECT (lpad(to_hex((extract(epoch FROM timed_from) * 1000)::bigint), 12, '0')
                     || repeat('0', 20))::uuid FROM log_partitioning);
