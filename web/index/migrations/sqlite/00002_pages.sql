-- A page is read off one index, however long the list: the height by which lists
-- are ordered stands beside the party. A blob belongs to one party, and what a
-- party stores is summed off an index.

-- +goose Up
ALTER TABLE mentions ADD COLUMN height integer NOT NULL DEFAULT 0;
UPDATE mentions SET height = COALESCE((SELECT height FROM states WHERE states.key = mentions.key), 0);
CREATE INDEX mentions_page ON mentions (party, word, height DESC, key);
CREATE INDEX states_page ON states (word, height DESC, key);
DROP INDEX idx_states_word;
DROP INDEX idx_states_height;

CREATE TABLE owned (node integer NOT NULL, ref text NOT NULL, party text NOT NULL, size integer NOT NULL, PRIMARY KEY (node, ref)) WITHOUT ROWID;
INSERT OR IGNORE INTO owned SELECT node, ref, party, size FROM blobs ORDER BY rowid;
DROP TABLE blobs;
ALTER TABLE owned RENAME TO blobs;
CREATE INDEX blobs_party ON blobs (party, size);

INSERT OR IGNORE INTO cursors (id, height) VALUES (1, 0), (2, 0);
