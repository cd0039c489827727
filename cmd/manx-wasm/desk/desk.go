// Package desk is the owner's side of the exchange as calls: a name and JSON in,
// JSON out, progress on the way. It is what a browser's worker runs, and the same
// code as the command line's: keys, scanning, de-identification, sealing,
// encryption, signing and decryption happen here, and nothing secret leaves but to
// the person at the desk.
//
// It draws no page, knows no HTTP framework, and keeps nothing outside its home,
// which in a browser is a file system of the tab (web/ui/src/worker/files.ts).
package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"

	"manx/ledger"
	"manx/ml"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/owner"
)

// A Desk serves the homes of one browser, one at a time. It is safe for concurrent use; calls that go on
// for long do not keep others waiting.
type Desk struct {
	dir   string // of the homes
	node  string // base address of the node
	calls []func() Calls

	mu    sync.Mutex
	home  *owner.Home // nil while locked
	party *owner.Party
	at    account         // whose home it is
	more  map[string]Call // not nil: the desk of a process, see At
	view  *viewing
	holds map[ledger.RecordID][]string // modalities of records that were opened
	cards map[ledger.ModelID]ml.Card   // of models that were looked at
}

// Of returns a desk over a folder of homes, which need not exist, and the node that
// serves the page. It takes some of the calls: a module for a browser holds the code of
// these alone, one has health in it, another credit.
func Of(dir, node string, calls ...func() Calls) *Desk {
	return &Desk{dir: dir, node: node, calls: calls, holds: map[ledger.RecordID][]string{}, cards: map[ledger.ModelID]ml.Card{}}
}

// Progress is what a call tells while it runs: how far a stage is, in bytes or
// pieces of a total that is 0 where it is not known.
type Progress struct {
	Stage string `json:"stage"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// Show takes progress.
type Show func(Progress)

// A Problem is an error as the page is told of it.
type Problem struct {
	Kind    string `json:"kind"`
	Text    string `json:"text"`
	Hint    string `json:"hint"`
	Request string `json:"request,omitempty"` // the node's id of what it refused, for its operator
}

// ProblemOf returns err's notice for the page.
func ProblemOf(err error) Problem {
	n := notice.From(err)
	return Problem{n.Kind.String(), n.Text, n.Hint, api.RequestOf(err)}
}

// A call is one thing that can be asked of a desk.
type call func(d *Desk, ctx context.Context, args json.RawMessage, show Show) (any, error)

// with makes a call of a function that wants its arguments decoded. Unknown fields
// are refused: page and module belong to one build.
func with[A any](f func(d *Desk, ctx context.Context, a A, show Show) (any, error)) call {
	return func(d *Desk, ctx context.Context, args json.RawMessage, show Show) (any, error) {
		var a A
		dec := json.NewDecoder(bytes.NewReader(args))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&a); err != nil {
			return nil, notice.Because(err, notice.Invalid, "the page asked for something in words that this module does not know", "load the page again")
		}
		return f(d, ctx, a, show)
	}
}

// seated is with for calls of who sits at the desk: the keys are unlocked.
func seated[A any](f func(d *Desk, ctx context.Context, p *owner.Party, a A, show Show) (any, error)) call {
	return with(func(d *Desk, ctx context.Context, a A, show Show) (any, error) {
		p, err := d.as()
		if err != nil {
			return nil, err
		}
		return f(d, ctx, p, a, show)
	})
}

type none struct{}

// Calls are things that can be asked of a desk, by name.
type Calls map[string]call

// Shared are for every account: keys, names, what anybody has with the ledger.
func Shared() Calls {
	return Calls{
		"status": with((*Desk).status), "demo": with((*Desk).demo), "join": with((*Desk).join), "unlock": with((*Desk).unlock), "lock": with((*Desk).lock),
		"fund": seated((*Desk).fund), "kit": seated((*Desk).kit), "drill": seated((*Desk).drill), "recover": with((*Desk).recover), "passphrase": seated((*Desk).passphrase), "rotate": seated((*Desk).rotate),
		"devices": seated((*Desk).devices), "devices.end": seated((*Desk).endDevice),
		"party": seated((*Desk).named), "revoke": seated((*Desk).revoke), "receipt": seated((*Desk).receipt),
		"catalogue": seated((*Desk).catalogue), "model": seated((*Desk).model), "retire": seated((*Desk).retire), "earnings": seated((*Desk).earnings),
	}
}

// Health are for accounts of the health side, and of both.
func Health() Calls {
	return Calls{
		"home": seated((*Desk).overview), "grant": seated((*Desk).grant), "log": seated((*Desk).log),
		"scan": with((*Desk).scan), "preview": with((*Desk).preview), "add": seated((*Desk).add), "deidentify": seated((*Desk).deidentify), "erase": seated((*Desk).erase),
		"slices": seated((*Desk).slices), "picture": with((*Desk).picture),
		"models": seated((*Desk).models), "quote": seated((*Desk).quote), "diagnose": seated((*Desk).diagnose), "finding": seated((*Desk).finding),
		"draft": with((*Desk).draft), "publish": seated((*Desk).publish), "try": seated((*Desk).try),
		"budgets": seated((*Desk).budgets), "budget.limit": seated((*Desk).limitBudget), "budget.preview": seated((*Desk).previewBudgets),
		"pool": seated((*Desk).pool), "stake": seated((*Desk).stake), "stake.lock": seated((*Desk).lockStake), "stake.free": seated((*Desk).freeStake), "work": seated((*Desk).work), "carry": seated((*Desk).carry),
		"events": seated((*Desk).events), "event": seated((*Desk).event), "verify": seated((*Desk).verify), "extract": seated((*Desk).extract), "builds": seated((*Desk).builds),
		"trainings": seated((*Desk).trainings), "training": seated((*Desk).training),
	}
}

func (d *Desk) callNamed(name string) (call, bool) {
	for _, of := range d.calls {
		if c, ok := of()[name]; ok {
			return c, true
		}
	}
	return nil, false
}

// Call runs the call of a name. What it returns becomes JSON; an error is to be
// shown as its notice. Cancelling ctx pauses what can be resumed: the same call
// again goes on.
func (d *Desk) Call(ctx context.Context, name string, args json.RawMessage, show Show) (any, error) {
	own, ok := d.callNamed(name)
	c := Call(func(ctx context.Context, args json.RawMessage, show Show) (any, error) {
		return own(d, ctx, args, show)
	})
	switch more, has := d.more[name]; {
	case has:
		c = more
	case !ok:
		return nil, notice.New(notice.Invalid, "the page asked for something that this module does not know", "load the page again")
	case d.more != nil && inside[name]:
		return nil, notice.New(notice.Denied, "the keys are those of the process that serves this page", "use the command line for them: `manx keys --help`")
	}
	out, err := c(ctx, args, show)
	if errors.Is(err, context.Canceled) {
		err = notice.Because(err, notice.Unavailable, "paused", "start it again: it goes on where it stopped")
	}
	return out, err
}

// Close locks the desk.
func (d *Desk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.home == nil || d.more != nil {
		return nil
	}
	d.party.Close()
	err := d.home.Close()
	d.home, d.party, d.view = nil, nil, nil
	return err
}

// as returns who sits at the desk.
func (d *Desk) as() (*owner.Party, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.party == nil {
		return nil, notice.New(notice.Denied, "your keys are locked", "unlock them with your passphrase")
	}
	return d.party, nil
}

// sit opens a home on its account's side.
func (d *Desk) sit(h *owner.Home, a account) error {
	p, err := h.As(a.side)
	if err != nil {
		return errors.Join(err, h.Close())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.home, d.party, d.at = h, p, a
	return nil
}
