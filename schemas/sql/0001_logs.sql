-- The events, where the consumer is, and what it could not store.
-- Applied once, in one transaction, under an advisory lock; never edit it after a release: add the
-- next number.

CREATE TABLE logs (
  id              uuid PRIMARY KEY,
  ts              timestamptz NOT NULL,  -- ts_ns in microseconds, for people and their tools
  ts_ns           bigint NOT NULL,       -- Unix time of the event
  observed_ts_ns  bigint NOT NULL,       -- when the edge received it
  service         text NOT NULL,
  severity_number smallint NOT NULL CHECK (severity_number BETWEEN 0 AND 24),
  severity_text   text NOT NULL,
  body            text NOT NULL,
  body_is_json    boolean NOT NULL,
  trace_id        text,
  span_id         text,
  trace_flags     smallint NOT NULL,
  event_name      text,
  attributes      jsonb NOT NULL,
  resource        jsonb NOT NULL,
  scope           jsonb NOT NULL,
  kafka_partition integer NOT NULL,
  kafka_offset    bigint NOT NULL,
  stored_at       timestamptz NOT NULL DEFAULT now()
);

-- Newest first, of all services and of one; id makes the order of equal times total for cursors. They
-- ascend and are read backward: what is new goes to the right, of the index or of its service's part, and
-- pages that only grow there are filled.
CREATE INDEX logs_newest ON logs (ts_ns, id);
CREATE INDEX logs_service_newest ON logs (service, ts_ns, id);

-- Written in the transaction that writes the rows, WHERE next_offset is what the writer expects:
-- a consumer that lost its partition without knowing it changes nothing.
CREATE TABLE consumer_offsets (
  consumer_group text NOT NULL,
  topic          text NOT NULL,
  partition      integer NOT NULL,
  next_offset    bigint NOT NULL CHECK (next_offset >= 0),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_group, topic, partition)
);

-- Records that can never be stored, on their way to the dead letter stream in Redis. Written in the
-- transaction that moves the offset past them, so Redis being away loses none.
CREATE TABLE dead_letters (
  seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic           text NOT NULL,
  kafka_partition integer NOT NULL,
  kafka_offset    bigint NOT NULL,
  event_id        text NOT NULL,  -- "" when even that could not be read
  code            text NOT NULL,  -- SQLSTATE, or "decode"
  reason          text NOT NULL,
  message_key     bytea NOT NULL,
  payload         bytea NOT NULL,
  failed_at       timestamptz NOT NULL DEFAULT now()
);
