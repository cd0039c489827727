-- What is watched of a model is read off its index alone, which has the column that its
-- condition is of; what has expired is found without looking through what has not.

-- +goose Up
DROP INDEX uses_told;
CREATE INDEX uses_told ON uses (model, at, asker, subject, told) WHERE role = 'asker' AND told = 1;
CREATE INDEX uses_of ON uses (model, asker, at, subject, told) WHERE role = 'asker' AND told = 1;
CREATE INDEX taken_until ON taken (until);
CREATE INDEX answers_until ON answers (until);
CREATE INDEX sign_ins_until ON sign_ins (until);
