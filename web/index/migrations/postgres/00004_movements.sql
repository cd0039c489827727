-- What moved a party's coins, with what she held after it, so that a statement
-- reads what concerns her alone. Events are read again from the first, for this
-- table: its cursor is 3, and 4 is the ledger's time there.

-- +goose Up
CREATE TABLE movements (party text COLLATE "C" NOT NULL, height bigint NOT NULL, n integer NOT NULL, time bigint NOT NULL, incoming integer NOT NULL, coin text COLLATE "C" NOT NULL,
	amount text NOT NULL, balance text NOT NULL, what text NOT NULL, about text NOT NULL, cause text NOT NULL, PRIMARY KEY (party, height, n));
CREATE INDEX movements_time ON movements (party, time, height, n);
CREATE UNIQUE INDEX movements_coin ON movements (coin, incoming);
CREATE TABLE purses (party text COLLATE "C" PRIMARY KEY, balance text NOT NULL);
INSERT INTO cursors (id, height) VALUES (3, 0), (4, 0);
