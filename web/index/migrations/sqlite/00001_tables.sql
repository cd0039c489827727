-- The tables as the index made them before its migrations had numbers: a
-- database of that time is taken over as it is.

-- +goose Up
CREATE TABLE IF NOT EXISTS states (key text, word text, body blob, height integer, PRIMARY KEY (key));
CREATE INDEX IF NOT EXISTS idx_states_height ON states (height);
CREATE INDEX IF NOT EXISTS idx_states_word ON states (word);
CREATE TABLE IF NOT EXISTS mentions (party text, word text, key text, PRIMARY KEY (party, word, key));
CREATE INDEX IF NOT EXISTS idx_mentions_key ON mentions (key);
CREATE TABLE IF NOT EXISTS cursors (id integer PRIMARY KEY AUTOINCREMENT, height integer);
CREATE TABLE IF NOT EXISTS sessions (hash text, party text, expires integer, PRIMARY KEY (hash));
CREATE INDEX IF NOT EXISTS idx_sessions_expires ON sessions (expires);
CREATE TABLE IF NOT EXISTS blobs (node integer, ref text, party text, size integer, PRIMARY KEY (node, ref, party));
