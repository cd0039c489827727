-- The events of the ledger, for who audits it: body is a Logged event as JSON. terms says
-- which events a term leads to: a name, a family of names, an id, or all (see log.go); side
-- is that of the event's key. ids are those that events hold, by their digits. Events are
-- read again from the first, for these tables: their cursor is 6, and 7 is the ledger's
-- time there.

-- +goose Up
CREATE TABLE IF NOT EXISTS logged (height bigint NOT NULL, n integer NOT NULL, body bytea NOT NULL, PRIMARY KEY (height, n));
CREATE TABLE IF NOT EXISTS terms (side integer NOT NULL, term bigint NOT NULL, height bigint NOT NULL, n integer NOT NULL, PRIMARY KEY (side, term, height, n));
CREATE TABLE IF NOT EXISTS ids (digits text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, PRIMARY KEY (digits, id));
INSERT INTO cursors (id, height) VALUES (6, 0), (7, 0) ON CONFLICT DO NOTHING;
