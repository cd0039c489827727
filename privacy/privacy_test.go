package privacy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"manx/privacy"
	"manx/privacy/notice"
)

// TestInvariant1_SecretNeverPrints tries every verb, also where fmt sees only an
// unexported field and calls no methods.
func TestInvariant1_SecretNeverPrints(t *testing.T) {
	s := privacy.Hide("ssn 123")
	hidden := struct{ s privacy.Secret[string] }{s}
	shown := struct{ S privacy.Secret[string] }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{s, &s, hidden, shown, []any{s}, map[string]any{"a": s}} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "123") || strings.Contains(got, "313233") {
				t.Errorf("%s printed %q", verb, got)
			}
		}
	}
	if b, err := json.Marshal(shown); err != nil || strings.Contains(string(b), "123") {
		t.Errorf("json: %s, %v", b, err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("seen", slog.Any("s", s), slog.Any("h", hidden))
	if strings.Contains(log.String(), "123") {
		t.Errorf("slog: %s", log.String())
	}
}

type budget struct{ left int }

func (b *budget) Spend(context.Context) error {
	if b.left == 0 {
		return notice.New(notice.Exhausted, "nothing left", "")
	}
	b.left--
	return nil
}

func TestReleaseRoundsAndCompares(t *testing.T) {
	p := privacy.Policy{Step: 1, Tolerance: 0.25, Claimed: []int64{530}}
	for _, c := range []struct {
		name string
		raw  []float64
		p    privacy.Policy
		want []int64
		kind notice.Kind
	}{
		{"as proved", []float64{530.004}, p, []int64{530}, 0},
		{"another score than was proved", []float64{531.001}, p, nil, notice.Integrity},
		{"off the grid", []float64{530.4}, p, nil, notice.Integrity},
		{"not a number", []float64{math.NaN()}, p, nil, notice.Integrity},
		{"infinite", []float64{math.Inf(1)}, p, nil, notice.Integrity},
		{"more results than were proved", []float64{530, 1}, p, nil, notice.Integrity},
		{"no claim, coarse grid", []float64{-2.6, 7.4}, privacy.Policy{Step: 5, Tolerance: 2.4}, nil, notice.Integrity},
		{"no claim, near the grid", []float64{-4.2, 5.9}, privacy.Policy{Step: 5, Tolerance: 1}, []int64{-1, 1}, 0},
	} {
		r, err := privacy.Release(t.Context(), privacy.Hide(c.raw), c.p, &budget{1})
		if c.kind != 0 {
			if !notice.Is(err, c.kind) || r.Values() != nil {
				t.Errorf("%s: %v, %v", c.name, r.Values(), err)
			}
			continue
		}
		if err != nil || !slices.Equal(r.Values(), c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, r.Values(), err, c.want)
		}
	}
}

func TestReleaseSpendsFirst(t *testing.T) {
	b := &budget{1}
	bad := privacy.Hide([]float64{0.5})
	if _, err := privacy.Release(t.Context(), bad, privacy.Policy{Step: 1, Tolerance: 0.1}, b); err == nil {
		t.Fatal("a value off the grid was released")
	}
	if b.left != 0 {
		t.Error("a failed release was refunded: it can be used as an oracle")
	}
	good := privacy.Hide([]float64{1})
	if r, err := privacy.Release(t.Context(), good, privacy.Policy{Step: 1, Tolerance: 0.1}, b); !notice.Is(err, notice.Exhausted) || r.Values() != nil {
		t.Errorf("without budget: %v, %v", r.Values(), err)
	}
}

func TestReleaseRefusesPoliciesThatHideNothing(t *testing.T) {
	for _, p := range []privacy.Policy{{}, {Step: -1}, {Step: math.NaN()}, {Step: 1, Tolerance: 0.5}, {Step: 1, Tolerance: -1}} {
		if _, err := privacy.Release(t.Context(), privacy.Hide([]float64{1}), p, &budget{1}); err == nil {
			t.Errorf("policy %+v was accepted", p)
		}
	}
}

func TestNoticeHidesItsCause(t *testing.T) {
	cause := errors.New("row 3 says Jane Doe")
	n := notice.Because(cause, notice.Invalid, "row 3 is not a number", "write digits")
	if strings.Contains(fmt.Sprintf("%v %s %+v", n, n, error(n)), "Jane") {
		t.Error("a notice printed its cause")
	}
	if !errors.Is(n, cause) || notice.From(fmt.Errorf("read: %w", n)) != n {
		t.Error("a notice lost its cause or was not found in a chain")
	}
	if got := notice.From(cause); got.Kind != notice.Internal || strings.Contains(got.Text, "Jane") {
		t.Errorf("an ordinary error crossed as %q", got.Text)
	}
	for k := notice.Internal; k <= notice.Partial; k++ {
		if notice.KindOf(k.String()) != k {
			t.Errorf("kind %d does not come back from %q", k, k)
		}
	}
}

// A share leaves when its budget is spent, and never prints.
func TestInvariant1_SharesLeaveOnBudget(t *testing.T) {
	b := &budget{left: 1}
	r, err := privacy.ReleaseShare(t.Context(), privacy.Hide([]byte("share 123")), b)
	if err != nil || string(r.Bytes()) != "share 123" {
		t.Fatalf("%q, %v", r.Bytes(), err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, struct{ r privacy.ReleasedShare }{r}); strings.Contains(got, "123") || strings.Contains(got, "313233") {
			t.Errorf("%s printed %q", verb, got)
		}
	}
	r, err = privacy.ReleaseShare(t.Context(), privacy.Hide([]byte("share 123")), b)
	if !notice.Is(err, notice.Exhausted) || r.Bytes() != nil {
		t.Errorf("a share without budget: %q, %v", r.Bytes(), err)
	}
}
