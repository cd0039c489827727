-- Ids, keys and hashes are ASCII and are compared as bytes.

-- +goose Up
CREATE TABLE states (key text COLLATE "C" PRIMARY KEY, word text COLLATE "C" NOT NULL, body bytea NOT NULL, height bigint NOT NULL);
CREATE TABLE mentions (party text COLLATE "C", word text COLLATE "C", key text COLLATE "C", PRIMARY KEY (party, word, key));
CREATE INDEX idx_mentions_key ON mentions (key);
CREATE TABLE cursors (id integer PRIMARY KEY, height bigint NOT NULL);
CREATE TABLE sessions (hash text COLLATE "C" PRIMARY KEY, party text COLLATE "C" NOT NULL, expires bigint NOT NULL);
CREATE INDEX idx_sessions_expires ON sessions (expires);
