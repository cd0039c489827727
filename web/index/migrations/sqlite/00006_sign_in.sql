-- Sessions have a name, a last use and roles; those of before end. What was signed to
-- sign in with is taken once, by whichever node of a database. How organisations' staff
-- signs in, and what of it is under way. Answers that an Idempotency-Key asks for again.

-- +goose Up
DROP TABLE sessions;
CREATE TABLE sessions (hash text PRIMARY KEY, id text NOT NULL, party text NOT NULL, member text NOT NULL, roles text NOT NULL, opened integer NOT NULL, seen integer NOT NULL, expires integer NOT NULL) WITHOUT ROWID;
CREATE INDEX sessions_party ON sessions (party, member, seen);
CREATE INDEX sessions_expires ON sessions (expires);
CREATE TABLE taken (id text PRIMARY KEY, by text NOT NULL, until integer NOT NULL) WITHOUT ROWID;
CREATE TABLE staffs (party text PRIMARY KEY, command blob NOT NULL, until integer NOT NULL) WITHOUT ROWID;
CREATE TABLE sign_ins (state text PRIMARY KEY, body blob NOT NULL, until integer NOT NULL) WITHOUT ROWID;
CREATE TABLE answers (party text NOT NULL, key text NOT NULL, request text NOT NULL, status integer NOT NULL, body blob NOT NULL, until integer NOT NULL, PRIMARY KEY (party, key)) WITHOUT ROWID;
