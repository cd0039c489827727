-- What moved a party's coins, with what she held after it, so that a statement
-- reads what concerns her alone; body is a Movement as JSON. Events are read again from the first, for this
-- table: its cursor is 3, and 4 is the ledger's time there.

-- +goose Up
CREATE TABLE movements (party text NOT NULL, time integer NOT NULL, height integer NOT NULL, n integer NOT NULL, body blob NOT NULL, PRIMARY KEY (party, time, height, n)) WITHOUT ROWID;
CREATE TABLE unspent (coin text PRIMARY KEY, party text NOT NULL, amount text NOT NULL) WITHOUT ROWID;
CREATE TABLE purses (party text PRIMARY KEY, balance text NOT NULL) WITHOUT ROWID;
INSERT INTO cursors (id, height) VALUES (3, 0), (4, 0);
