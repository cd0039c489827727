-- What a party stores is counted where it changes, in sixteen rows a party so
-- that uploads side by side do not wait for each other. Summing up all blobs of a
-- party took longer the more she had.

-- +goose Up
CREATE TABLE accounts (party text NOT NULL, slot integer NOT NULL, bytes integer NOT NULL, PRIMARY KEY (party, slot)) WITHOUT ROWID;
INSERT INTO accounts (party, slot, bytes) SELECT party, unicode(substr(ref, -2, 1)) % 16, SUM(size) FROM blobs GROUP BY 1, 2;
DROP INDEX blobs_party;

-- +goose StatementBegin
CREATE TRIGGER blobs_added AFTER INSERT ON blobs BEGIN
	INSERT INTO accounts (party, slot, bytes) VALUES (NEW.party, unicode(substr(NEW.ref, -2, 1)) % 16, NEW.size)
	ON CONFLICT (party, slot) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER blobs_removed AFTER DELETE ON blobs BEGIN
	UPDATE accounts SET bytes = bytes - OLD.size WHERE party = OLD.party AND slot = unicode(substr(OLD.ref, -2, 1)) % 16;
END;
-- +goose StatementEnd
