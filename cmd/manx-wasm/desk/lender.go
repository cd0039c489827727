//go:build !js || credit

package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/score"
)

// Lending is what a lender's first page shows.
type Lending struct {
	Party    ledger.PartyID `json:"party"`
	Balance  ledger.Amount  `json:"balance"`
	Now      ledger.Time    `json:"now"`
	Ledger   string         `json:"ledger"`
	Requests []Request      `json:"requests"` // newest first
}

func (d *Desk) lending(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	l := Lending{Party: p.ID(), Now: info.Now, Ledger: info.Ledger}
	if l.Balance, err = p.Balance(ctx); err != nil {
		return nil, err
	}
	l.Requests, err = d.requests(ctx, p, func(j ledger.Job) bool { return j.Asker == p.ID() })
	return l, err
}

// question is what a lender asks.
type question struct {
	byScorecard
	Subject ledger.PartyID `json:"subject"`
	Purpose ledger.Purpose `json:"purpose"`
	By      score.Way      `json:"by"` // empty: as the planner chooses
	Hours   int            `json:"hours"`
}

func (q question) read() (score.Question, error) {
	if err := ledger.CheckID(q.Subject, "p"); err != nil {
		return score.Question{}, notice.Because(err, notice.Invalid, "that is not the id of a party", "copy it whole from what the applicant gave you")
	}
	if q.Hours < 1 || q.Hours > 24*30 {
		return score.Question{}, notice.New(notice.Invalid, "a request waits for 1 to 720 hours", "state a number within these")
	}
	return score.Question{Subject: q.Subject, Model: q.name(), Purpose: q.Purpose, By: q.By, Life: ledger.Time(q.Hours) * 3600}, nil
}

// ways quotes every way to a score: price, time, what it waits for and rests on.
func (d *Desk) ways(ctx context.Context, p *owner.Party, a question, _ Show) (any, error) {
	q, err := a.read()
	if err != nil {
		return nil, err
	}
	quotes, _, err := score.Plan(ctx, p, q)
	return quotes, err
}

func (d *Desk) askScore(ctx context.Context, p *owner.Party, a question, _ Show) (any, error) {
	q, err := a.read()
	if err != nil {
		return nil, err
	}
	id, chosen, err := score.Ask(ctx, p, q)
	return struct {
		Job ledger.JobID `json:"job"`
		score.Quote
	}{id, chosen}, err
}

// A Scored request is a score as it is kept at home, sealed.
type Scored struct {
	score.Verified
	Subject ledger.PartyID `json:"subject"`
	Purpose ledger.Purpose `json:"purpose"`
	At      ledger.Time    `json:"at"` // when it was opened first
}

// openScore opens the score of a request, verifies all that it rests on, accepts it,
// which pays, and keeps it sealed at home.
func (d *Desk) openScore(ctx context.Context, p *owner.Party, a ofJob, _ Show) (any, error) {
	if err := checkedJob(a.Job); err != nil {
		return nil, err
	}
	if lies(p, "score", a.Job) {
		return takeOut(p, "score", a.Job)
	}
	v, err := score.Score(ctx, p, a.Job)
	if err != nil {
		return nil, err
	}
	j, err := owner.Get[ledger.Job](ctx, p.Client, a.Job)
	if err != nil {
		return nil, err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	s := Scored{v, j.Subject, j.Purpose, info.Now}
	return s, putAway(p, "score", a.Job, s)
}

// scored reads a score that was opened on this device.
func scored(p *owner.Party, j ledger.JobID) (s Scored, err error) {
	b, err := takeOut(p, "score", j)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("kept score: %w", err)
	}
	return s, nil
}

// scores lists the scores that are kept here, newest first.
func (d *Desk) scores(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	jobs, err := p.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	out := []Scored{}
	for _, j := range jobs {
		if j.Asker != p.ID() || !lies(p, "score", j.ID) {
			continue
		}
		s, err := scored(p, j.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// letter makes the data of an adverse-action letter from a score that is kept here,
// as JSON and as CSV.
func (d *Desk) letter(ctx context.Context, p *owner.Party, a struct {
	ofJob
	Action string `json:"action"`
}, _ Show) (any, error) {
	if err := checkedJob(a.Job); err != nil {
		return nil, err
	}
	s, err := scored(p, a.Job)
	if err != nil {
		return nil, err
	}
	l, err := score.AdverseAction(ctx, p, s.Verified, a.Action)
	if err != nil {
		return nil, err
	}
	table, err := l.CSV()
	if err != nil {
		return nil, err
	}
	return struct {
		Letter score.Letter `json:"letter"`
		CSV    string       `json:"csv"`
	}{l, string(table)}, nil
}

// A Deed is one line of the credit log: who did what, in which role.
type Deed struct {
	At      ledger.Time    `json:"at"`
	Role    string         `json:"role"` // of who did it: lender, borrower, worker, furnisher, organisation
	Who     ledger.PartyID `json:"who,omitempty"`
	Name    string         `json:"name,omitempty"`
	What    string         `json:"what"` // asked, consented, permitted, computed, answered, settled, refunded, revoked
	Job     ledger.JobID   `json:"job,omitempty"`
	Subject ledger.PartyID `json:"subject,omitempty"`
	Model   string         `json:"model,omitempty"`
	Purpose ledger.Purpose `json:"purpose,omitempty"`
	Fee     ledger.Amount  `json:"fee"`
}

// deeds tells who did what about scores that the party asked for, or that were asked
// for of it, newest first.
func (d *Desk) deeds(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	all, err := d.requests(ctx, p, func(ledger.Job) bool { return true })
	if err != nil {
		return nil, err
	}
	log, told := []Deed{}, map[ledger.GrantID]bool{} // a grant given beforehand is of several jobs
	for _, r := range all {
		one := Deed{Job: r.ID, Subject: r.Subject, Model: r.Model, Purpose: r.Purpose, Fee: r.Fee}
		add := func(at ledger.Time, role, what string, who ledger.PartyID, name string) {
			if at != 0 {
				one.At, one.Role, one.What, one.Who, one.Name = at, role, what, who, name
				log = append(log, one)
			}
		}
		asked := r.At[ledger.Asked]
		if asked == 0 {
			asked = r.At[ledger.Ready]
		}
		add(asked, "lender", "asked", r.Asker, r.Lender)
		if g := r.Granted; g != nil && !told[g.ID] {
			told[g.ID] = true
			what := "consented"
			if g.Calls > 0 {
				what = "permitted"
			}
			add(g.From, "borrower", what, g.Owner, "")
			add(g.Revoked, "borrower", "revoked", g.Owner, "")
		}
		if r.Shared() {
			add(r.At[ledger.Settled], "organisation", "computed", "", "")
		} else {
			add(r.At[ledger.Done], "worker", "computed", r.Worker, "")
		}
		add(r.At[ledger.Answered], "borrower", "answered", r.Subject, "")
		if !r.Shared() {
			add(r.At[ledger.Settled], "lender", "settled", r.Asker, r.Lender)
		}
		add(r.At[ledger.Refunded], "organisation", "refunded", "", "")
	}
	slices.SortStableFunc(log, func(a, b Deed) int { return cmp.Compare(a.At, b.At) })
	slices.Reverse(log)
	return log, nil
}
