-- The trace that a dead letter belongs to, so that a replay goes on with it. "" = none. A constant
-- default rewrites no row.
ALTER TABLE dead_letters
  ADD COLUMN traceparent text NOT NULL DEFAULT '',
  ADD COLUMN tracestate  text NOT NULL DEFAULT '';
