package owner

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"manx/ledger"
	"manx/ml/ckks"
	"manx/ml/heart"
	"manx/privacy/notice"
	"manx/privacy/seal/sealtest"
	"manx/test/webtest"
	"manx/web/api"
)

// A name is whose it was first; ids reach everything that is on offer.
func TestNamesAreWhoseTheyWereFirst(t *testing.T) {
	id := func(n int) ledger.ModelID {
		return ledger.NewModelID(ledger.Health, ledger.CommandID{byte(n)})
	}
	all := []ledger.Model{ // newest first
		{ID: id(5), Owner: "thief", Name: "lung", Version: "9"},
		{ID: id(4), Owner: "first", Name: "lung", Version: "2"},
		{ID: id(3), Owner: "thief", Name: "old", Version: "1"},
		{ID: id(2), Owner: "first", Name: "old", Version: "1", Retired: true},
		{ID: id(1), Owner: "first", Name: "lung", Version: "1"},
		{ID: ledger.NewModelID(ledger.Credit, ledger.CommandID{9}), Owner: "lender's", Name: "lung"},
	}
	for name, want := range map[string]ledger.ModelID{"lung": id(4), "old": "", string(id(5)): id(5), string(id(1)): id(1), string(id(2)): "", "none": "", "": ""} {
		m, ok := Named(all, name, ledger.Health)
		if m.ID != want || ok != (want != "") {
			t.Errorf("%q is %q", name, m.ID)
		}
	}
}

func scientist(t *testing.T, n *webtest.Network) *Party {
	t.Helper()
	h, err := Join(t.Context(), t.TempDir(), sealtest.Passphrase(t, "the scientist's passphrase"), n.URL, string(ledger.Health))
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.As(ledger.Health)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Register(t.Context(), ledger.Scientist, "a lab"); err != nil {
		t.Fatal(err)
	}
	return p
}

func offer(t *testing.T, version string) Offer {
	t.Helper()
	g, card, err := heart.Model()
	if err != nil {
		t.Fatal(err)
	}
	o := Offer{Model: ledger.PublishModel{Vertical: ledger.Health, Name: "borrowed-heart", Version: version, Accepts: []ledger.Kind{ledger.Chart}, Features: []string{"age"}, Price: ledger.MAN(1)},
		Card: Published{Card: []byte(`{}`)}, Graph: heart.ONNX()}
	if err := o.Model.Hash.UnmarshalText([]byte(card.Hash)); err != nil {
		t.Fatal(err)
	}
	if o.Plan, err = ckks.Compile(g, o.Model.Hash); err != nil {
		t.Fatal(err)
	}
	return o
}

// Interrupted and repeated, it is one offer; a name, a version and a graph are what
// they say.
func TestInvariant8_PublishingIsOneOffer(t *testing.T) {
	var left atomic.Int64
	var stop atomic.Pointer[context.CancelFunc]
	n := webtest.Start(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			if cancel := stop.Load(); r.Method != http.MethodGet && !strings.HasPrefix(r.URL.Path, api.Sessions) && left.Add(-1) == 0 && cancel != nil {
				(*cancel)() // it happened, and nobody hears of it
			}
		})
	}})
	p, o := scientist(t, n), offer(t, "1.0.0")
	var id ledger.ModelID
	tries := 0
	for after := int64(1); id == ""; after += 4 {
		tries++
		ctx, cancel := context.WithCancel(t.Context())
		left.Store(after)
		stop.Store(&cancel)
		var err error
		id, err = p.Publish(ctx, o)
		cancel()
		if err != nil {
			id = ""
		}
		if tries == 40 {
			t.Fatal(err)
		}
	}
	stop.Store(nil)
	again, err := p.Publish(t.Context(), o)
	models, lerr := p.Models(t.Context())
	if err != nil || lerr != nil || again != id || len(models) != 1 || models[0].ID != id || tries < 3 {
		t.Fatalf("%d models after %d tries: %s, %s (%v, %v)", len(models), tries, id, again, err, lerr)
	}
	if plan, err := p.Plan(t.Context(), models[0]); err != nil || plan.Hash() != o.Plan.Hash() {
		t.Errorf("the plan: %v", err)
	}
	if _, err := p.Graph(t.Context(), models[0]); err != nil {
		t.Errorf("the graph: %v", err)
	}
	changed := o
	changed.Model.Hash = ledger.Hash{1}
	if _, err := p.Publish(t.Context(), changed); !notice.Is(err, notice.Conflict) {
		t.Errorf("another model under the same version: %v", err)
	}
	changed.Model.Version = "1.0.1"
	if _, err := p.Publish(t.Context(), changed); !notice.Is(err, notice.Invalid) {
		t.Errorf("a graph that is not the model's: %v", err)
	}
	if _, err := scientist(t, n).Publish(t.Context(), offer(t, "2.0.0")); !notice.Is(err, notice.Conflict) {
		t.Errorf("another party's name: %v", err)
	}
	if next, err := p.Publish(t.Context(), offer(t, "2.0.0")); err != nil || next == id {
		t.Errorf("the next version: %s, %v", next, err)
	}
	if m, err := p.ModelNamed(t.Context(), "borrowed-heart"); err != nil || m.Version != "2.0.0" {
		t.Errorf("the newest: %s, %v", m.Version, err)
	}
	m, err := p.Retire(t.Context(), "borrowed-heart")
	if err != nil || m.Version != "2.0.0" {
		t.Errorf("retired: %s, %v", m.Version, err)
	}
	if again, err := p.Retire(t.Context(), string(m.ID)); err != nil || again.ID != m.ID {
		t.Errorf("retired again: %v", err)
	}
	if m, err := p.ModelNamed(t.Context(), "borrowed-heart"); err != nil || m.Version != "1.0.0" {
		t.Errorf("the newest that is left: %s, %v", m.Version, err)
	}
	if _, err := scientist(t, n).Retire(t.Context(), string(id)); !notice.Is(err, notice.NotFound) {
		t.Errorf("another's model retired: %v", err)
	}
}
