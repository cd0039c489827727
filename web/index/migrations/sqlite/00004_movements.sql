-- What moved a party's coins, with what she held after it, so that a statement
-- reads what concerns her alone. Events are read again from the first, for this
-- table: its cursor is 3, and 4 is the ledger's time there.

-- +goose Up
CREATE TABLE movements (party text NOT NULL, height integer NOT NULL, n integer NOT NULL, time integer NOT NULL, incoming integer NOT NULL, coin text NOT NULL,
	amount text NOT NULL, balance text NOT NULL, what text NOT NULL, about text NOT NULL, cause text NOT NULL, PRIMARY KEY (party, height, n)) WITHOUT ROWID;
CREATE INDEX movements_time ON movements (party, time, height, n);
CREATE UNIQUE INDEX movements_coin ON movements (coin, incoming);
CREATE TABLE purses (party text PRIMARY KEY, balance text NOT NULL) WITHOUT ROWID;
INSERT INTO cursors (id, height) VALUES (3, 0), (4, 0);
