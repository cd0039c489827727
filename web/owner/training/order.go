package training

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/measured"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/release"
)

// An Order is what a person asks of a hospital's node. A keyring serves one process,
// so while the node runs orders are left in its folder, and it obeys them.
type Order struct {
	What     string                  `json:"what"` // propose, status, join, decline, stop, contribute, release, assent
	Training ledger.TrainingID       `json:"training,omitempty"`
	Proposal *ledger.ProposeTraining `json:"proposal,omitempty"`
	Table    string                  `json:"table,omitempty"`
	Trainer  string                  `json:"trainer,omitempty"`
	policy.Lets
	Release *release.Request `json:"release,omitempty"`
	Judge   []byte           `json:"judge,omitempty"` // of a proposal: the rows that its recipe names
}

// An Answer is what became of an order. Training is of one that proposes.
type Answer struct {
	Training ledger.TrainingID `json:"training,omitempty"`
	Status   []Status          `json:"status,omitempty"`
	Released *release.Released `json:"released,omitempty"`

	Contributions *measured.Contributions `json:"contributions,omitempty"`
}

// A Status is how a training stands, as the ledger and the site's folder tell.
type Status struct {
	ledger.Training
	Epsilon float64 `json:"epsilon,omitempty"` // what it costs a record; 0 where nothing is promised
	Table   string  `json:"table,omitempty"`   // of this site's that takes part
	Trainer string  `json:"trainer,omitempty"` // of this site's own that trains on it
	Done    bool    `json:"done"`              // no round is to come
	Granted int     `json:"granted"`           // live grants that this site has for it

	Held *notice.Error `json:"held,omitempty"` // why the vote that the policy would cast waits

	Bounded  []ledger.PartyID `json:"bounded,omitempty"`   // who computes its rounds on shares; none: sums are under masks
	SharedBy string           `json:"shared_by,omitempty"` // what sites share its earnings by
}

// Do does what a person asks.
func (h *Hospital) Do(ctx context.Context, o Order) (a Answer, err error) {
	if o.What == "propose" && o.Proposal != nil {
		if err := errors.Join(h.goesOn(*o.Proposal), h.keepJudgeOf(*o.Proposal, o.Judge)); err != nil {
			return a, err
		}
		a.Training, err = h.Party.ProposeTraining(ctx, *o.Proposal)
		return a, err
	}
	if o.What == "status" && o.Training == "" {
		a.Status, err = h.Statuses(ctx)
		return a, err
	}
	on, err := h.Party.SignedTraining(ctx, o.Training)
	if err != nil {
		return a, err
	}
	switch o.What {
	case "status":
		s, err := h.status(ctx, on.Training)
		return Answer{Status: []Status{s}}, err
	case "join":
		return a, h.Join(ctx, on.ID, o.Table, o.Trainer, o.Lets)
	case "decline":
		return a, h.Join(ctx, on.ID, "", "", policy.Lets{})
	case "assent":
		return a, release.Assent(ctx, h.in().House, on)
	case "stop":
		return a, h.Party.Once(ctx, "training/stop/"+string(on.ID), ledger.StopTraining{Training: on.ID})
	case "contribute":
		r, err := recipe.Read(on.ProposeTraining)
		if err != nil {
			return a, err
		}
		c, err := measured.Contributed(ctx, h.in().House, on, r)
		return Answer{Contributions: &c}, err
	case "release":
		if o.Release != nil {
			r, err := release.Ask(ctx, h.in().House, on.ID, *o.Release)
			return Answer{Released: &r}, err
		}
	}
	return a, notice.New(notice.Invalid, "the hospital's node knows no such order", "use a `manx` of its version")
}

// goesOn refuses to coordinate a training that goes on from a version which is not
// here: its coordinator has it.
func (h *Hospital) goesOn(b ledger.ProposeTraining) error {
	if b.From.IsZero() {
		return nil
	}
	v, err := os.ReadFile(h.in().Folder.Version(b.From.Training, b.From.Round))
	if err == nil && recipe.HashOf(v) == b.Start {
		return nil
	}
	return notice.Because(err, notice.NotFound, "the version that the training is to go on from is not in this site's folder", "let the hospital propose it that coordinated the other training: it has its versions")
}

// keepJudgeOf keeps the rows that a proposal's recipe names.
func (h *Hospital) keepJudgeOf(b ledger.ProposeTraining, rows []byte) error {
	r, err := recipe.Read(b)
	if err != nil || r.Judge == nil {
		return err
	}
	if _, err := r.ReadJudge(rows); err != nil {
		return err
	}
	return h.in().Folder.KeepJudge(r.Judge.Rows, rows)
}

// Statuses returns how all trainings stand that concern the party, newest first.
func (h *Hospital) Statuses(ctx context.Context) (all []Status, err error) {
	list, err := h.Party.Trainings(ctx)
	if err != nil {
		return nil, err
	}
	for _, on := range list {
		s, err := h.status(ctx, on)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (h *Hospital) status(ctx context.Context, on ledger.Training) (s Status, err error) {
	s.Training = on
	if !on.Noise.IsZero() {
		price, err := on.Noise.Price()
		if err != nil {
			return s, err
		}
		s.Epsilon = float64(price.Epsilon()) / 1e6
	}
	if r, err := recipe.Read(on.ProposeTraining); err == nil { // else nobody takes part in it
		s.Bounded, s.SharedBy = r.Bounded, r.SharedBy()
	}
	d, _, err := policy.Decided(h.in().Folder, on.ID)
	if err != nil {
		return s, err
	}
	s.Table, s.Trainer, s.Held = d.Table, d.Trainer, h.holds(on.ID)
	s.Done = on.Stage.Over() || on.Stage == ledger.TrainingAsked || !on.Busy && (on.Round == on.Rounds || local.Still(on))
	if slices.Contains(on.Sites, h.Party.ID()) {
		granted, err := h.in().lists.Granted(ctx, on.ID)
		if err != nil {
			return s, err
		}
		s.Granted = len(granted)
	}
	return s, nil
}

// An outcome is how an order's answer is left.
type outcome struct {
	Answer  Answer        `json:"answer"`
	Problem *notice.Error `json:"problem,omitempty"`
}

const orderEnd, outcomeEnd = ".order", ".outcome"

// Leave leaves an order for the node that runs on a folder, and waits for what became
// of it.
func Leave(ctx context.Context, dir string, o Order) (Answer, error) {
	at, err := house.Made(house.Folder(dir).Orders())
	if err != nil {
		return Answer{}, err
	}
	b, err := json.Marshal(o)
	if err != nil {
		return Answer{}, fmt.Errorf("encode order: %w", err)
	}
	file := filepath.Join(at, rand.Text())
	if err := durable.WriteFile(file+orderEnd, b); err != nil {
		return Answer{}, err
	}
	defer func() { _, _ = os.Remove(file+orderEnd), os.Remove(file+outcomeEnd) }()
	for end := time.Now().Add(orderPatience); time.Now().Before(end); {
		b, err := os.ReadFile(file + outcomeEnd)
		if errors.Is(err, fs.ErrNotExist) {
			if !house.Pause(ctx, 100*time.Millisecond) {
				return Answer{}, ctx.Err()
			}
			continue
		}
		var out outcome
		if err == nil {
			err = ledger.Decode(b, &out)
		}
		if err == nil && out.Problem != nil {
			return out.Answer, out.Problem
		}
		return out.Answer, err
	}
	return Answer{}, notice.New(notice.Unavailable, "another manx process has this keyring open, and it is not `manx hospital`", "wait until it has ended, then try again")
}

const orderPatience = 30 * time.Second

// obey does the orders that were left.
func (h *Hospital) obey(ctx context.Context) {
	all, err := os.ReadDir(h.in().Folder.Orders())
	if err != nil {
		return // nobody has ever left one
	}
	for _, d := range all {
		name, ok := strings.CutSuffix(d.Name(), orderEnd)
		if !ok {
			continue
		}
		file := filepath.Join(h.in().Folder.Orders(), name)
		b, err := os.ReadFile(file + orderEnd)
		if err != nil {
			continue // who left it has gone
		}
		var o Order
		var out outcome
		if err = ledger.Decode(b, &o); err == nil {
			out.Answer, err = h.Do(ctx, o)
		}
		if err != nil {
			out.Problem = notice.From(err)
		}
		if b, err = json.Marshal(out); err == nil {
			err = durable.WriteFile(file+outcomeEnd, b)
		}
		if err = errors.Join(err, os.Remove(file+orderEnd)); err != nil {
			h.in().Log.WarnContext(ctx, "an order cannot be answered", "err", err)
		}
	}
}
