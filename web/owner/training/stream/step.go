package stream

import (
	"os"
	"path/filepath"
	"strconv"

	"manx/ledger"
	"manx/storage/durable"
)

// The steps of a site in a round, as it asks for them. What it says in each is one
// message of package secagg, and what it is answered the next one to it.
const (
	StepBegin  byte = 0 // says nothing; is answered what the round is
	StepKeys   byte = 1
	StepShares byte = 2
	StepMasked byte = 3
	StepAgree  byte = 4
	StepUnmask byte = 5

	// StepVersion asks for the parameters that the round begins with. StepAgain says
	// a masked update once more: a coordinator that was killed has none of them.
	StepVersion byte = 6
	StepAgain   byte = 7

	// Of a round on shares: StepNext asks what to do next, and says how far the site has
	// heard of what was measured; StepDeal deals, StepReady and StepFailed say what came of
	// computing, StepShare tells the party's share. StepRows asks for the judge's rows.
	StepNext   byte = 8
	StepDeal   byte = 9
	StepReady  byte = 10
	StepFailed byte = 11
	StepShare  byte = 12
	StepRows   byte = 13
	// StepFigures says how the site's own held-out rows did, where it publishes that.
	StepFigures byte = 14
)

// A Beginning is what the coordinator says of a round first.
type Beginning struct {
	Roster []ledger.PartyID `json:"roster"`
}

// A Dialogue is a site's steps with the coordinator, each of which is done once: what
// it was answered is in the round's folder.
type Dialogue struct {
	*Stream
	Dir string // of the round
}

func (d Dialogue) file(step byte) string {
	return filepath.Join(d.Dir, "told-"+strconv.Itoa(int(step)))
}

// Has reports whether a step was answered.
func (d Dialogue) Has(step byte) bool {
	_, err := os.Stat(d.file(step))
	return err == nil
}

// Told returns what a step was answered.
func (d Dialogue) Told(step byte) ([]byte, error) { return os.ReadFile(d.file(step)) }

// Say says what a step says, and returns what it was answered: once.
func (d Dialogue) Say(step byte, message func() ([]byte, error)) ([]byte, error) {
	if b, err := d.Told(step); err == nil {
		return b, nil
	}
	m, err := message()
	if err != nil {
		return nil, err
	}
	told, err := d.Ask(step, m)
	if err != nil {
		return nil, err
	}
	return told, durable.WriteFile(d.file(step), told)
}
