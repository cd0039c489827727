package training

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/local"
)

// A Group is of patients that a card tells apart: a column's value is From or more, and
// below Below. Of a column of codes they are the codes' numbers.
type Group struct {
	Name   string  `json:"name"` // "women", "60 and older"
	Column string  `json:"column"`
	From   float64 `json:"from"`
	Below  float64 `json:"below"`
}

// maxGroups bounds a recipe's groups: with each, a site adds twenty counts more.
const maxGroups = 8

// checkGroups returns nil, or a notice of what groups cannot be told apart.
func (r Recipe) checkGroups() error {
	bad := func(what, cure string) error {
		return notice.New(notice.Invalid, "the recipe's groups cannot be told apart: "+what, cure)
	}
	if len(r.Groups) > maxGroups {
		return bad(fmt.Sprintf("there are more than %d", maxGroups), "name fewer")
	}
	for i, g := range r.Groups {
		at := slices.IndexFunc(r.Schema.Columns, func(c federated.Column) bool { return c.Name == g.Column })
		switch {
		case g.Name == "" || len(g.Name) > 40 || slices.ContainsFunc(r.Groups[:i], func(o Group) bool { return o.Name == g.Name }):
			return bad("one has no name of at most 40 bytes, or another's", "name each")
		case at < 0 || !r.Schema.Columns[at].Required || !(g.From < g.Below):
			return bad(g.Name+" is not a range of a column that every row has", "name a column that is required, and from below below")
		}
	}
	return nil
}

// has reports whether a row, as the schema encodes it, is of the group.
func (g Group) has(s federated.Schema, x []float64) bool {
	for _, c := range s.Columns {
		n := max(len(c.Codes), 1)
		if c.Name != g.Column {
			x = x[n:]
			continue
		}
		v := x[0]*c.Spread + c.Centre
		if k := slices.Index(x[:n], 1); c.Codes != nil {
			if k < 0 {
				return false
			}
			v = c.Codes[k]
		}
		near := 1e-9 * max(math.Abs(v), 1) // encoding rounds
		return v >= g.From-near && v < g.Below-near
	}
	return false
}

// cells is how many counts a site adds: of all its held-out rows, then of each group.
func (r Recipe) cells() int { return cells * (1 + len(r.Groups)) }

// leastGroup is how many held-out rows of a group a site has at least where it adds
// their counts without noise, and how many of the others, if it has some: fewer could
// point at a person.
const leastGroup = ledger.MinCohort

// grouped returns, for each of a site's held-out rows, the counts that it adds one to,
// from the one that it has among all rows.
func (r Recipe) grouped(s local.Site, at []int) [][]int {
	out := make([][]int, len(at))
	for i, c := range at {
		out[i] = []int{c}
	}
	for k, g := range r.Groups {
		if !s.Groups {
			break
		}
		var in []int
		for i := range at {
			if g.has(r.Schema, s.Test.X[i]) {
				in = append(in, i)
			}
		}
		if rest := len(at) - len(in); r.Private == nil && (len(in) < leastGroup || rest > 0 && rest < leastGroup) {
			continue
		}
		for _, i := range in {
			out[i] = append(out[i], (1+k)*cells+at[i])
		}
	}
	return out
}

// Figures are how a version did on one hospital's own held-out rows: numbers of its own,
// which it publishes because its policy says so, signed.
type Figures struct {
	Training ledger.TrainingID `json:"training"`
	Round    int               `json:"round"` // that began with the version
	Site     ledger.PartyID    `json:"site"`
	Quality
}

const aFigure = "manx/training-figures/v1\x00"

type signedFigures struct {
	Said []byte `json:"said"`
	Sig  []byte `json:"sig"`
}

// publish tells the coordinator the site's own figures, where the site does that, and
// has enough rows held out: the training's minimum, and the least cohort with and without
// what is learned. Where training is with noise it is never done: they have none.
func (h *Hospital) publish(ctx context.Context, s *stream, on owner.SignedTraining, r Recipe, j joined, in local.Round, has local.Site) error {
	if !j.Figures || r.Private != nil {
		return nil
	}
	at, _, err := r.cell(ctx, in, has)
	if err != nil {
		return err
	}
	var e Tenths
	for _, c := range at {
		e.add(c, 1)
	}
	q, ok := e.Quality()
	if n, p := e.rows(); !ok || n < ledger.MinCohort || p < ledger.MinCohort || n+p < float64(on.Minimum) {
		return nil
	}
	var out signedFigures
	if out.Said, err = json.Marshal(Figures{on.ID, on.Round, h.Party.ID(), q}); err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	out.Sig = h.Party.Keys.Sign(append([]byte(aFigure), out.Said...))
	b, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	_, err = s.ask(stepFigures, b)
	return err
}

// readFigures returns what a hospital has signed.
func readFigures(b []byte, on ledger.Training, site ledger.PartyID, key ed25519.PublicKey) (f Figures, err error) {
	var s signedFigures
	if err := ledger.Decode(b, &s); err != nil {
		return f, err
	}
	if !ed25519.Verify(key, append([]byte(aFigure), s.Said...), s.Sig) {
		return f, errFrame
	}
	if err := ledger.Decode(s.Said, &f); err != nil {
		return f, err
	}
	if f.Training != on.ID || f.Site != site {
		return f, errFrame
	}
	return f, nil
}

func (f folder) figures(t ledger.TrainingID, site ledger.PartyID) string {
	return filepath.Join(f.of(t), "figures", string(site)+".json")
}

// keepFigures keeps what a site publishes; the last is what counts.
func (h *Hospital) keepFigures(on owner.SignedTraining, m owner.TrainingMember, b []byte) error {
	if _, err := readFigures(b, on.Training, m.Site, m.Account); err != nil {
		return err
	}
	file := folder(h.Dir).figures(on.ID, m.Site)
	if _, err := made(filepath.Dir(file)); err != nil {
		return err
	}
	return durable.WriteFile(file, b)
}

// published returns the figures that sites have published, in the order of the
// invitation.
func (h *Hospital) published(on owner.SignedTraining) (all []Figures, err error) {
	for _, m := range on.Members {
		b, err := os.ReadFile(folder(h.Dir).figures(on.ID, m.Site))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, err := readFigures(b, on.Training, m.Site, m.Account)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// describe puts into a card what is known of groups, of the hospitals that publish their
// figures, and of where the data are from and what each hospital contributed.
func (h *Hospital) describe(ctx context.Context, c *ml.Card, on owner.SignedTraining, r Recipe, e Evaluation, how string) error {
	figures := func(q Quality, of, method string) {
		method = fmt.Sprintf("%s; %.0f held-out records", method, q.Rows)
		c.Metrics = append(c.Metrics, ml.Metric{Name: "AUC, " + of, Value: q.AUC, Method: method}, ml.Metric{Name: "accuracy, " + of, Value: q.Accuracy, Method: method + ", at one half"},
			ml.Metric{Name: "calibration error, " + of, Value: q.Calibration, Method: method})
	}
	for k, g := range r.Groups {
		var t Tenths
		if k < len(e.Groups) {
			t = e.Groups[k]
		}
		q, ok := t.Quality()
		n, p := t.rows()
		wn, wp := e.rows()
		if rest := wn + wp - n - p; !ok || min(n, p) < ledger.MinCohort || n+p < float64(on.Minimum) || rest > 0.5 && rest < float64(on.Minimum) {
			c.Notes = append(c.Notes, fmt.Sprintf("No figure of %s: hospitals that tell of groups have fewer than %d held-out records of them or of the others, or fewer than %d with or without what is learned.", g.Name, on.Minimum, ledger.MinCohort))
			continue
		}
		figures(q, g.Name, how+", of the hospitals that tell of groups")
	}
	all, err := h.published(on)
	if err != nil {
		return err
	}
	for _, f := range all {
		name, err := h.nameOf(ctx, f.Site)
		if err != nil {
			return err
		}
		figures(f.Quality, name, fmt.Sprintf("the hospital's own figures, published and signed by it, of the version that round %d began with", f.Round))
	}
	said, err := h.Contributed(ctx, on, r)
	if err != nil {
		return err
	}
	var who []string
	for _, s := range said.Sites {
		if s.Rounds == 0 {
			continue
		}
		name, err := h.nameOf(ctx, s.Site)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s (%d rounds", name, s.Rounds)
		if said.By != ByRounds {
			line += fmt.Sprintf(", leave one out %+.4f, Shapley %+.4f", s.LeaveOneOut, s.Shapley)
		}
		who = append(who, line+")")
	}
	by := "Every hospital's part of earnings is by the rounds that its updates are in."
	if said.By != ByRounds {
		by = fmt.Sprintf("Contributions are of the logarithmic loss on rows that all hospitals have seen (SHA-256 %s), measured on shares in every round; parts of earnings are by %s.", r.Judge.Rows, said.By)
	}
	c.Notes = append(c.Notes, "Hospitals: "+strings.Join(who, "; ")+". "+by)
	return nil
}

// nameOf is what a hospital calls itself on the ledger.
func (h *Hospital) nameOf(ctx context.Context, p ledger.PartyID) (string, error) {
	on, err := owner.Get[ledger.Party](ctx, h.Party.Client, p)
	if err != nil || on.Name == "" {
		return string(p), err
	}
	return on.Name, nil
}
