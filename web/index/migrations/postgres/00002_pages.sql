-- A page is read off one index, however long the list: the height by which lists
-- are ordered stands beside the party. A blob belongs to one party, and what a
-- party stores is summed off an index.

-- +goose Up
ALTER TABLE mentions ADD COLUMN height bigint NOT NULL DEFAULT 0;
CREATE INDEX mentions_page ON mentions (party, word, height DESC, key);
CREATE INDEX states_page ON states (word, height DESC, key);

CREATE TABLE blobs (node integer NOT NULL, ref text COLLATE "C" NOT NULL, party text COLLATE "C" NOT NULL, size bigint NOT NULL, PRIMARY KEY (node, ref));
CREATE INDEX blobs_party ON blobs (party, size);

INSERT INTO cursors (id, height) VALUES (1, 0), (2, 0);
