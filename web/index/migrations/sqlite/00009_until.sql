-- What has expired is found without looking through what has not.

-- +goose Up
CREATE INDEX taken_until ON taken (until);
CREATE INDEX answers_until ON answers (until);
CREATE INDEX sign_ins_until ON sign_ins (until);
