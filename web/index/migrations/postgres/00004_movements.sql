-- What moved a party's coins, with what she held after it, so that a statement
-- reads what concerns her alone; body is a Movement as JSON. Events are read again from the first, for this
-- table: its cursor is 3, and 4 is the ledger's time there.

-- +goose Up
CREATE TABLE movements (party text COLLATE "C" NOT NULL, time bigint NOT NULL, height bigint NOT NULL, n integer NOT NULL, body bytea NOT NULL, PRIMARY KEY (party, time, height, n));
CREATE TABLE unspent (coin text COLLATE "C" PRIMARY KEY, party text COLLATE "C" NOT NULL, amount text NOT NULL);
CREATE TABLE purses (party text COLLATE "C" PRIMARY KEY, balance text NOT NULL);
INSERT INTO cursors (id, height) VALUES (3, 0), (4, 0);
