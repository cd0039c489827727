package desk

import (
	"context"
	"math"
	"slices"
	"time"

	"manx/ledger"
	"manx/ledger/proof"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/owner"
)

// Earnings are what calls brought a party: by month, model and role, and by day.
type Earnings struct {
	Months  []api.Used                `json:"months"`
	Days    []Day                     `json:"days"`   // on which something came in, oldest first
	Models  map[ledger.ModelID]string `json:"models"` // their names
	Askers  map[ledger.PartyID]string `json:"askers"`
	Watched map[ledger.ModelID]int    `json:"watched"` // askers of the party's models whose calls look like taking it out of its answers
	Balance ledger.Amount             `json:"balance"`
}

// A Day is what calls brought on one, UTC.
type Day struct {
	Day    string        `json:"day"` // 2026-11-27
	Amount ledger.Amount `json:"amount"`
	Calls  int           `json:"calls"`
}

func (d *Desk) earnings(ctx context.Context, p *owner.Party, _ none, _ Show) (_ any, err error) {
	e := Earnings{Days: []Day{}, Models: map[ledger.ModelID]string{}, Askers: map[ledger.PartyID]string{}, Watched: map[ledger.ModelID]int{}}
	if e.Months, err = p.Usage(ctx, "", 0, math.MaxInt64); err != nil {
		return nil, err
	}
	models, err := p.Models(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		e.Models[m.ID] = m.Name + " " + m.Version
		if m.Owner != p.ID() {
			continue
		}
		all, err := p.Watch(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		for _, w := range all {
			if w.Report.Alarm {
				e.Watched[m.ID]++
			}
		}
	}
	for _, m := range e.Months {
		for _, a := range m.Askers {
			if e.Askers[a.Asker], err = nameOf(ctx, p, a.Asker); err != nil {
				return nil, err
			}
		}
	}
	s, err := p.Statement(ctx, 0, owner.Forever)
	if err != nil {
		return nil, err
	}
	e.Balance = s.Closing
	for _, l := range s.Lines {
		if !l.In || l.As == "" { // paid by a job's or a contract's terms, as one of their roles
			continue
		}
		day := time.Unix(int64(l.Time), 0).UTC().Format(time.DateOnly)
		if n := len(e.Days); n == 0 || e.Days[n-1].Day != day {
			e.Days = append(e.Days, Day{Day: day})
		}
		last := &e.Days[len(e.Days)-1]
		if last.Amount, err = last.Amount.Add(l.Amount); err != nil {
			return nil, err
		}
		last.Calls++
	}
	return e, nil
}

// A PoolPage is who works, what waits, and which of them is the party.
type PoolPage struct {
	api.Pool
	Me    ledger.PartyID            `json:"me"`
	Names map[ledger.PartyID]string `json:"names"`
	Now   ledger.Time               `json:"now"`
}

func (d *Desk) pool(ctx context.Context, p *owner.Party, _ none, _ Show) (_ any, err error) {
	out := PoolPage{Me: p.ID(), Names: map[ledger.PartyID]string{}}
	if out.Pool, err = p.Client.Workers(ctx); err != nil {
		return nil, err
	}
	if out.Workers == nil {
		out.Workers = []api.Worker{}
	}
	for _, w := range out.Workers {
		if out.Names[w.Party], err = nameOf(ctx, p, w.Party); err != nil {
			return nil, err
		}
	}
	info, err := p.Info(ctx)
	out.Now = info.Now
	return out, err
}

// A StakePage is what is locked for the party as a worker, and how it stands.
type StakePage struct {
	Stake    *ledger.Stake   `json:"stake,omitempty"`
	Standing ledger.Standing `json:"standing"`
	Score    uint32          `json:"score"` // of Best
	Best     uint32          `json:"best"`
	Balance  ledger.Amount   `json:"balance"`
	Least    ledger.Amount   `json:"least"`  // that is drawn
	Notice   ledger.Time     `json:"notice"` // seconds between giving notice and getting it back
}

func (d *Desk) stake(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	out := StakePage{Best: proof.Best, Least: ledger.MinStake(), Notice: ledger.NoticePeriod}
	s, st, err := p.StakeOf(ctx, p.ID())
	switch {
	case notice.Is(err, notice.NotFound):
	case err != nil:
		return nil, err
	default:
		out.Stake = &s
	}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	out.Standing, out.Score = st, proof.Score(st, info.Now)
	out.Balance, err = p.Balance(ctx)
	return out, err
}

func (d *Desk) lockStake(ctx context.Context, p *owner.Party, a struct {
	Amount string `json:"amount"` // MAN
}, show Show) (any, error) {
	amount, err := ledger.ParseAmount(a.Amount)
	if err != nil || amount.IsZero() {
		return nil, notice.Because(err, notice.Invalid, "a stake is an amount of MAN above 0", "type a number such as 20")
	}
	if err := p.Stake(ctx, p.ID(), amount); err != nil {
		return nil, err
	}
	return d.stake(ctx, p, none{}, show)
}

func (d *Desk) freeStake(ctx context.Context, p *owner.Party, _ none, show Show) (any, error) {
	if err := p.Unstake(ctx, p.ID()); err != nil {
		return nil, err
	}
	return d.stake(ctx, p, none{}, show)
}

// Work is one job that the party computed, as the ledger has it.
type Work struct {
	Job   ledger.JobID  `json:"job"`
	Model string        `json:"model"`
	Stage ledger.Stage  `json:"stage"`
	Fee   ledger.Amount `json:"fee"`
	At    ledger.Time   `json:"at"`   // of the stage
	Took  ledger.Time   `json:"took"` // seconds from claim to result, 0 where there is none
	Wrong bool          `json:"wrong,omitempty"`
}

// work lists the jobs that the party computes or computed, newest first.
func (d *Desk) work(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	jobs, err := p.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	names, err := modelNames(ctx, p)
	if err != nil {
		return nil, err
	}
	out := []Work{}
	for _, j := range jobs {
		w := Work{Job: j.ID, Model: names[j.Model], Stage: j.Stage, Fee: j.Fee, At: j.At[j.Stage]}
		if c, done := j.At[ledger.Claimed], j.At[ledger.Done]; done > c {
			w.Took = done - c
		}
		if j.Proving != nil {
			if i := slices.IndexFunc(j.Proving.Replicas, func(r ledger.Replica) bool { return r.Worker == p.ID() }); i >= 0 {
				w.Wrong = !j.Hash.IsZero() && !j.Proving.Replicas[i].Hash.IsZero() && j.Proving.Replicas[i].Hash != j.Hash
			}
		}
		out = append(out, w)
	}
	return out, nil
}
