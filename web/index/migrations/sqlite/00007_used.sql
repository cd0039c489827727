-- What calls came to by hour, day and month (span 0, 1 and 2; begin is its first second,
-- UTC), for each party by model and role, so that a sum over years reads some hundred rows.
-- asker is '' but where the role is told who asked. Receipts are read again from the first
-- event, for this table.

-- +goose Up
CREATE TABLE used (party text NOT NULL, span integer NOT NULL, begin integer NOT NULL, model text NOT NULL, role text NOT NULL, asker text NOT NULL, calls integer NOT NULL, settled integer NOT NULL, amount text NOT NULL, fee text NOT NULL, PRIMARY KEY (party, span, begin, model, role, asker)) WITHOUT ROWID;
DELETE FROM uses;
UPDATE cursors SET height = 0 WHERE id = 5;
-- What is watched of a model: who asked, when, and about whom.
CREATE INDEX uses_told ON uses (model, asker, at, subject) WHERE role = 'asker' AND told = 1;
