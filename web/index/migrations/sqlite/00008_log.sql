-- The events of the ledger, for who audits it: body is a Logged event as JSON. terms says
-- which events a term leads to: a name, a family of names, an id, or all (see log.go); side
-- is that of the event's key. ids are those that events hold, by their digits. Events are
-- read again from the first, for these tables: their cursor is 6, and 7 is the ledger's
-- time there.

-- +goose Up
CREATE TABLE logged (height integer NOT NULL, n integer NOT NULL, body blob NOT NULL, PRIMARY KEY (height, n));
CREATE TABLE terms (side integer NOT NULL, term integer NOT NULL, height integer NOT NULL, n integer NOT NULL, PRIMARY KEY (side, term, height, n)) WITHOUT ROWID;
CREATE TABLE ids (digits text NOT NULL, id text NOT NULL, PRIMARY KEY (digits, id)) WITHOUT ROWID;
INSERT INTO cursors (id, height) VALUES (6, 0), (7, 0);
