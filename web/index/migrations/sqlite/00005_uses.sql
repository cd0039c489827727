-- Who took what part in which call of a model, and what it brought her, out of
-- receipts. Events are read again from the first, for this table: its cursor is 5.

-- +goose Up
CREATE TABLE uses (job text NOT NULL, role text NOT NULL, party text NOT NULL, model text NOT NULL, asker text NOT NULL, subject text NOT NULL, outcome text NOT NULL, told integer NOT NULL, at integer NOT NULL, amount text NOT NULL, fee text NOT NULL, PRIMARY KEY (job, role)) WITHOUT ROWID;
CREATE INDEX uses_party ON uses (party, at, job, role);
INSERT INTO cursors (id, height) VALUES (5, 0);
