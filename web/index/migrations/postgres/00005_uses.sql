-- Who took what part in which call of a model, and what it brought her, out of
-- receipts. Events are read again from the first, for this table: its cursor is 5.

-- +goose Up
CREATE TABLE uses (job text COLLATE "C" NOT NULL, role text COLLATE "C" NOT NULL, party text COLLATE "C" NOT NULL, model text COLLATE "C" NOT NULL, asker text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, outcome text COLLATE "C" NOT NULL, told integer NOT NULL, at bigint NOT NULL, amount text COLLATE "C" NOT NULL, fee text COLLATE "C" NOT NULL, PRIMARY KEY (job, role));
CREATE INDEX uses_party ON uses (party, at, job, role);
INSERT INTO cursors (id, height) VALUES (5, 0);
