-- What has expired is found without looking through what has not.

-- +goose Up
CREATE INDEX IF NOT EXISTS taken_until ON taken (until);
CREATE INDEX IF NOT EXISTS answers_until ON answers (until);
CREATE INDEX IF NOT EXISTS sign_ins_until ON sign_ins (until);
