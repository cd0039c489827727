-- What calls came to by hour, day and month (span 0, 1 and 2; begin is its first second,
-- UTC), for each party by model and role, so that a sum over years reads some hundred rows.
-- asker is '' but where the role is told who asked. Receipts are read again from the first
-- event, for this table.

-- +goose Up
CREATE TABLE IF NOT EXISTS used (party text COLLATE "C" NOT NULL, span integer NOT NULL, begin bigint NOT NULL, model text COLLATE "C" NOT NULL, role text COLLATE "C" NOT NULL, asker text COLLATE "C" NOT NULL, calls bigint NOT NULL, settled bigint NOT NULL, amount text COLLATE "C" NOT NULL, fee text COLLATE "C" NOT NULL, PRIMARY KEY (party, span, begin, model, role, asker));
DELETE FROM used;
DELETE FROM uses;
UPDATE cursors SET height = 0 WHERE id = 5;
-- What is watched of a model: who asked, when, and about whom.
CREATE INDEX IF NOT EXISTS uses_told ON uses (model, asker, at, subject) WHERE role = 'asker' AND told = 1;
