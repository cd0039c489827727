package house

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"manx/ledger"
	"manx/storage/durable"
)

// A Folder is where a hospital keeps what concerns trainings:
//
//	policy.json                    the site's policy
//	tables/                        its tables, as the policy names them
//	studies/                       studies and pictures that a table names
//	trainers/<name>/               programs of its own, each with the folder it works in
//	trainings/<id>/joined.json     which table takes part
//	trainings/<id>/<round>/        a round's journal, as a site and as coordinator
//	trainings/<id>/covers/<n>.json the list that a round was covered with
//	trainings/<id>/own/<n>         SCAFFOLD's control variate after a round
//	trainings/<id>/versions/<n>    parameters after a round, as coordinator
//	trainings/<id>/evaluations/<n>.json how the version did that a round began with, as coordinator
//	trainings/<id>/measured/<n>.json   what three hospitals signed of a round on shares
//	trainings/<id>/figures/<site>.json what a site publishes, as coordinator
//	trainings/<id>/release/            a model and its card, as coordinator
//	judges/<hash>.csv                  rows that contributions are judged on
//	orders/                            what a person asks of the node that runs
type Folder string

// A Side is whose part of a round; a hospital may be both.
type Side string

// The sides.
const (
	Site        Side = "site"
	Coordinator Side = "coordinator"
)

// Policy is the file of the site's policy.
func (f Folder) Policy() string { return filepath.Join(string(f), "policy.json") }

// Table is a table's file, and the tables' folder for no name.
func (f Folder) Table(name string) string { return filepath.Join(string(f), "tables", name) }

// Studies is the folder of studies and pictures.
func (f Folder) Studies() string { return filepath.Join(string(f), "studies") }

// Trainer is the folder that a program of the site's own works in.
func (f Folder) Trainer(name string) string { return filepath.Join(string(f), "trainers", name) }

// Orders is the folder of what people ask of the node.
func (f Folder) Orders() string { return filepath.Join(string(f), "orders") }

// Of is a training's folder.
func (f Folder) Of(t ledger.TrainingID) string {
	return filepath.Join(string(f), "trainings", string(t))
}

// Round is the folder of a side's journal of a round.
func (f Folder) Round(t ledger.TrainingID, n int, s Side) string {
	return filepath.Join(f.Of(t), strconv.Itoa(n), string(s))
}

// Version is the file of the parameters after a round.
func (f Folder) Version(t ledger.TrainingID, n int) string {
	return filepath.Join(f.Of(t), "versions", strconv.Itoa(n))
}

// Judge is the file of the rows, of a hash, that contributions are judged on.
func (f Folder) Judge(h ledger.Hash) string {
	return filepath.Join(string(f), "judges", h.String()+".csv")
}

// KeepJudge keeps such rows.
func (f Folder) KeepJudge(h ledger.Hash, rows []byte) error {
	if _, err := Made(filepath.Dir(f.Judge(h))); err != nil {
		return err
	}
	return durable.WriteFile(f.Judge(h), rows)
}

// Forget removes what a side kept of rounds before one: journals, and what a site
// added. Parameters, lists and evaluations stay.
func (f Folder) Forget(t ledger.TrainingID, before int, s Side) error {
	all, err := os.ReadDir(f.Of(t))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget rounds: %w", err)
	}
	for _, d := range all {
		if n, err := strconv.Atoi(d.Name()); err == nil && n < before {
			if err := os.RemoveAll(f.Round(t, n, s)); err != nil {
				return fmt.Errorf("forget rounds: %w", err)
			}
			_ = os.Remove(filepath.Join(f.Of(t), d.Name())) // where the other side is done too
		}
	}
	return nil
}

// Made makes a folder and returns it.
func Made(dir string) (string, error) { return dir, os.MkdirAll(dir, 0o700) }
