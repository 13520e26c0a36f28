-- First of three steps to a partitioned table; the next ones say why.
--
-- The time in the event's id, which the table will be partitioned by. The rows that are there get
-- -infinity without being written: the default of a new column is kept beside the table.
ALTER TABLE logs ADD COLUMN id_time timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE logs ADD CONSTRAINT logs_untimed_only CHECK (id_time < '1970-01-01 00:00:00+00') NOT VALID;
