// Package training is a hospital's side of training a model together with others:
// the node inside its walls that votes by the site's own policy, covers rounds with
// the records it has grants for, makes its part of a round and sends it masked; and
// the coordinator's side, which opens rounds, adds what is masked, and closes them.
//
// A hospital only dials out: to its exchange node and to the hub that the proposal
// names, where coordinator and sites meet on streams of their own TLS. What crosses
// its door is signed commands, digests with a salt, and the messages of privacy/secagg,
// in which its update is masked, or of privacy/secagg/trio, in which it is on shares that
// three hospitals hold; and, where the site's policy says so, how a version did on its
// held-out rows. Its tables stay in its folder.
//
// It trusts the exchange node to carry bytes, and to tell of revoked grants: what
// was proposed and who takes part it takes from signatures. It does not choose what
// is trained, nor how noise is priced.
package training

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"manx/ledger"
)

// A folder is where a hospital keeps what concerns trainings:
//
//	policy.json                    the site's policy
//	tables/                        its tables, as the policy names them
//	studies/                       studies and pictures that a table names
//	trainers/<name>/               programs of its own, each with the folder it works in
//	trainings/<id>/joined.json     which table takes part
//	trainings/<id>/<round>/        a round's journal, as a site and as coordinator
//	trainings/<id>/versions/<n>    parameters after a round, as coordinator
//	trainings/<id>/measured/<n>.json   what three hospitals signed of a round on shares
//	trainings/<id>/figures/<site>.json what a site publishes, as coordinator
//	judges/<hash>.csv                  rows that contributions are judged on
type folder string

// The sides of a round; a hospital may be both.
const (
	sideSite        = "site"
	sideCoordinator = "coordinator"
)

func (f folder) policy() string             { return filepath.Join(string(f), "policy.json") }
func (f folder) table(name string) string   { return filepath.Join(string(f), "tables", name) }
func (f folder) studies() string            { return filepath.Join(string(f), "studies") }
func (f folder) trainer(name string) string { return filepath.Join(string(f), "trainers", name) }
func (f folder) of(t ledger.TrainingID) string {
	return filepath.Join(string(f), "trainings", string(t))
}
func (f folder) round(t ledger.TrainingID, n int, side string) string {
	return filepath.Join(f.of(t), strconv.Itoa(n), side)
}
func (f folder) version(t ledger.TrainingID, n int) string {
	return filepath.Join(f.of(t), "versions", strconv.Itoa(n))
}

// forget removes what a side kept of rounds before one: journals, and what a site
// added. Parameters, lists and evaluations stay.
func (f folder) forget(t ledger.TrainingID, before int, side string) error {
	all, err := os.ReadDir(f.of(t))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget rounds: %w", err)
	}
	for _, d := range all {
		if n, err := strconv.Atoi(d.Name()); err == nil && n < before {
			if err := os.RemoveAll(f.round(t, n, side)); err != nil {
				return fmt.Errorf("forget rounds: %w", err)
			}
			_ = os.Remove(filepath.Join(f.of(t), d.Name())) // where the other side is done too
		}
	}
	return nil
}

// made makes a folder and returns it.
func made(dir string) (string, error) { return dir, os.MkdirAll(dir, 0o700) }

var errLate = errors.New("training: the round goes on without this site")
