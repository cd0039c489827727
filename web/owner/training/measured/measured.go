// Package measured is what is known of rounds on shares once they are over: what three
// hospitals have signed of each, and what every hospital has brought to a training. It
// measures nothing itself.
package measured

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"manx/ledger"
	"manx/ml/federated/contribution"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/secagg/trio"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/house"
	"manx/web/owner/training/recipe"
)

// A Round is what the three that computed have signed of it: whose updates are
// in it, whose were beyond their bounds, and what each contributed. Every site keeps it,
// as the coordinator hands it on, and can check it.
type Round struct {
	Round  int                 `json:"round"`
	Roster []ledger.PartyID    `json:"roster"` // by place
	Ready  [mpc.Parties][]byte `json:"ready"`
}

// Most is how many rounds a site hears of at once; of the others it asks again.
const Most = 100

// Dir is the folder of a training's rounds.
func Dir(f house.Folder, t ledger.TrainingID) string { return filepath.Join(f.Of(t), "measured") }

// Keep keeps what was signed of a round.
func Keep(f house.Folder, t ledger.TrainingID, m Round) error {
	dir, err := house.Made(Dir(f, t))
	if err != nil {
		return err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode what was measured: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, strconv.Itoa(m.Round)+".json"), b)
}

// Since returns the rounds after one, in order.
func Since(f house.Folder, t ledger.TrainingID, since int) (all []Round, err error) {
	files, err := os.ReadDir(Dir(f, t))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, d := range files {
		var n int
		if _, err := fmt.Sscanf(d.Name(), "%d.json", &n); err != nil || n <= since {
			continue
		}
		b, err := os.ReadFile(filepath.Join(Dir(f, t), d.Name()))
		if err != nil {
			return nil, err
		}
		var m Round
		if err := ledger.Decode(b, &m); err != nil {
			return nil, fmt.Errorf("what was measured of round %d: %w", n, err)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Round) int { return a.Round - b.Round })
	return all, nil
}

// Until returns the last round that the site has heard of.
func Until(f house.Folder, t ledger.TrainingID) (int, error) {
	all, err := Since(f, t, 0)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[len(all)-1].Round, nil
}

// Hear keeps what the coordinator hands on, once the three have signed it.
func Hear(ctx context.Context, h *house.House, on owner.SignedTraining, r recipe.Recipe, all []Round) error {
	for _, m := range all {
		if _, err := toldOf(ctx, h, on, r, m); err != nil {
			return err
		}
		if err := Keep(h.Folder, on.ID, m); err != nil {
			return err
		}
	}
	return nil
}

// toldOf checks what the three have signed of a round, and returns what it tells.
func toldOf(ctx context.Context, h *house.House, on owner.SignedTraining, r recipe.Recipe, m Round) (t trio.Told, err error) {
	var roster []owner.TrainingMember
	for _, p := range m.Roster {
		if !slices.Contains(on.Sites, p) {
			return t, Unsigned(nil)
		}
		site, err := h.Party.Counterparty(ctx, p)
		if err != nil {
			return t, err
		}
		roster = append(roster, owner.TrainingMember{Site: p, Account: site.Key})
	}
	on.Round = m.Round
	round, err := r.Shares(on, roster)
	if err == nil {
		t, err = round.Tell(m.Ready)
	}
	if err != nil || r.Judge != nil && len(t.Values) != 2*len(t.In) {
		return t, Unsigned(err)
	}
	return t, nil
}

// Unsigned is the notice that nobody has signed what was told.
func Unsigned(cause error) error {
	return notice.Because(cause, notice.Integrity, "what was measured in a round is not what the three hospitals that compute have signed", "do not assent to a release; tell the other hospitals")
}

// A Contribution is what a site has brought to a training, over its rounds so far.
type Contribution struct {
	Site        ledger.PartyID `json:"site"`
	Rounds      int            `json:"rounds"`            // whose result its update is in
	Refused     int            `json:"refused,omitempty"` // in which it was beyond its bounds
	LeaveOneOut float64        `json:"leave_one_out"`     // of the judge's logarithmic loss, what is lost without it
	Shapley     float64        `json:"shapley"`           // what it saves, by Shapley
	Parts       uint32         `json:"parts"`             // of ledger.WholeShare of what the sites earn
}

// Contributions are what sites have brought.
type Contributions struct {
	By      string         `json:"by"` // what Parts follow from
	Sites   []Contribution `json:"sites"`
	Missing []int          `json:"missing,omitempty"` // rounds that nothing was heard of here
}

// Shares are its parts as a release names them.
func (c Contributions) Shares() (all []ledger.ModelShare) {
	for _, s := range c.Sites {
		if s.Parts > 0 {
			all = append(all, ledger.ModelShare{To: s.Site, Parts: s.Parts})
		}
	}
	return all
}

// Contributed returns what each site has brought to a training: by what was measured, as
// the proposal says, or by the rounds that its updates are in. It is of rounds with a
// result alone; everybody who has heard of all of them comes to the same.
func Contributed(ctx context.Context, h *house.House, on owner.SignedTraining, r recipe.Recipe) (c Contributions, err error) {
	c.By = r.SharedBy()
	at := map[ledger.PartyID]int{}
	for i, p := range on.Sites {
		at[p] = i
		c.Sites = append(c.Sites, Contribution{Site: p})
	}
	all, err := Since(h.Folder, on.ID, 0)
	if err != nil {
		return c, err
	}
	for _, v := range on.Versions {
		for _, p := range v.Sites {
			c.Sites[at[p]].Rounds++
		}
		i := slices.IndexFunc(all, func(m Round) bool { return m.Round == v.Round })
		if i < 0 && len(r.Bounded) > 0 {
			c.Missing = append(c.Missing, v.Round)
		}
		if i < 0 {
			continue
		}
		t, err := toldOf(ctx, h, on, r, all[i])
		if err != nil {
			return c, err
		}
		for _, place := range t.Out {
			c.Sites[at[all[i].Roster[place]]].Refused++
		}
		if r.Judge == nil {
			continue
		}
		for k, place := range t.In {
			s := &c.Sites[at[all[i].Roster[place]]]
			if !slices.Contains(v.Sites, s.Site) {
				return c, Unsigned(nil)
			}
			s.LeaveOneOut += t.Values[k]
			s.Shapley += t.Values[len(t.In)+k]
		}
	}
	values := make([]float64, len(c.Sites))
	for i, s := range c.Sites {
		values[i] = map[string]float64{recipe.ByRounds: float64(s.Rounds), recipe.ByShapley: s.Shapley, recipe.ByLeaveOneOut: s.LeaveOneOut}[c.By]
	}
	for i, parts := range contribution.Shares(values, ledger.WholeShare) {
		c.Sites[i].Parts = uint32(parts)
	}
	return c, nil
}

// Shares returns the parts that a release names by what sites have brought.
func Shares(ctx context.Context, h *house.House, on owner.SignedTraining, r recipe.Recipe) ([]ledger.ModelShare, error) {
	c, err := Contributed(ctx, h, on, r)
	if err == nil && r.Judge != nil && len(c.Missing) > 0 {
		err = notice.New(notice.Unavailable, fmt.Sprintf("what was measured in round %d has not been heard of here", c.Missing[0]), "another round tells of those before it; `manx train contribute` shows what is missing")
	}
	return c.Shares(), err
}

// Agreed reports whether a release shares as the hospitals have agreed to: as was measured,
// or by rounds.
func Agreed(ctx context.Context, h *house.House, on owner.SignedTraining, r recipe.Recipe, b ledger.ReleaseTraining) (bool, error) {
	own, err := Shares(ctx, h, on, r)
	return err == nil && slices.Equal(own, b.Contributed), err
}
