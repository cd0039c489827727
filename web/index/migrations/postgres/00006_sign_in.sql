-- Sessions have a name, a last use and roles; those of before end. What was signed to
-- sign in with is taken once, by whichever node of a database. How organisations' staff
-- signs in, and what of it is under way. Answers that an Idempotency-Key asks for again.
-- A step whose commit was acknowledged to nobody may be taken again: it finds its tables.

-- +goose Up
DROP TABLE IF EXISTS sessions;
CREATE TABLE IF NOT EXISTS sessions (hash text COLLATE "C" PRIMARY KEY, id text COLLATE "C" NOT NULL, party text COLLATE "C" NOT NULL, member text COLLATE "C" NOT NULL, roles text COLLATE "C" NOT NULL, opened bigint NOT NULL, seen bigint NOT NULL, expires bigint NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_party ON sessions (party, member, seen);
CREATE INDEX IF NOT EXISTS sessions_expires ON sessions (expires);
CREATE TABLE IF NOT EXISTS taken (id text COLLATE "C" PRIMARY KEY, by text COLLATE "C" NOT NULL, until bigint NOT NULL);
CREATE TABLE IF NOT EXISTS staffs (party text COLLATE "C" PRIMARY KEY, command bytea NOT NULL, until bigint NOT NULL);
CREATE TABLE IF NOT EXISTS sign_ins (state text COLLATE "C" PRIMARY KEY, body bytea NOT NULL, until bigint NOT NULL);
CREATE TABLE IF NOT EXISTS answers (party text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, request text COLLATE "C" NOT NULL, status integer NOT NULL, body bytea NOT NULL, until bigint NOT NULL, PRIMARY KEY (party, key));
