-- What is watched of a model is read off its index alone, which has the column that its
-- condition is of; what has expired is found without looking through what has not.

-- +goose Up
DROP INDEX IF EXISTS uses_told;
CREATE INDEX IF NOT EXISTS uses_told ON uses (model, at, asker, subject, told) WHERE role = 'asker' AND told = 1;
CREATE INDEX IF NOT EXISTS uses_of ON uses (model, asker, at, subject, told) WHERE role = 'asker' AND told = 1;
CREATE INDEX IF NOT EXISTS taken_until ON taken (until);
CREATE INDEX IF NOT EXISTS answers_until ON answers (until);
CREATE INDEX IF NOT EXISTS sign_ins_until ON sign_ins (until);
