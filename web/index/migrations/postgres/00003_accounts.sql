-- What a party stores is counted where it changes, in sixteen rows a party so
-- that uploads side by side do not wait for each other. Summing up all blobs of a
-- party took longer the more she had.

-- +goose Up
CREATE TABLE accounts (party text COLLATE "C" NOT NULL, slot integer NOT NULL, bytes bigint NOT NULL, PRIMARY KEY (party, slot)) WITH (fillfactor = 50);
INSERT INTO accounts (party, slot, bytes) SELECT party, ascii(substr(ref, length(ref) - 1, 1)) % 16, SUM(size) FROM blobs GROUP BY 1, 2;
DROP INDEX blobs_party;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION blobs_counted() RETURNS trigger AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO accounts (party, slot, bytes) VALUES (NEW.party, ascii(substr(NEW.ref, length(NEW.ref) - 1, 1)) % 16, NEW.size)
		ON CONFLICT (party, slot) DO UPDATE SET bytes = accounts.bytes + excluded.bytes;
	ELSE
		UPDATE accounts SET bytes = bytes - OLD.size WHERE party = OLD.party AND slot = ascii(substr(OLD.ref, length(OLD.ref) - 1, 1)) % 16;
	END IF;
	RETURN NULL;
END
$$ LANGUAGE plpgsql;
-- +goose StatementEnd

CREATE TRIGGER blobs_counted AFTER INSERT OR DELETE ON blobs FOR EACH ROW EXECUTE FUNCTION blobs_counted();
