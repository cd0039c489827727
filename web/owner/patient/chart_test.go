package patient

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"math"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"manx/health/chart"
	"manx/ledger"
	"manx/ml"
	"manx/ml/clear"
	"manx/ml/heart"
	"manx/ml/lungct"
	"manx/ml/pneumonia"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/test/webtest"
	"manx/web/api"
)

func written(t *testing.T, text string) chart.Chart {
	t.Helper()
	c, err := chart.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const somebody = "age,sex,cp,chol,restecg,thalach,taken\n63,1,4,287.3,0,118,1987-06-05\n"

func TestChartIsARecord(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	p, ctx := someone(t, n), t.Context()
	a, err := AddChart(ctx, p, written(t, somebody), "")
	if err != nil || a.Version != 1 || a.Measured != 6 {
		t.Fatalf("%+v, %v", a, err)
	}
	c, at, err := OpenChart(ctx, p, a.Record, 0)
	if v := c.Values.Reveal(reveal.Token{}); err != nil || at != 1 || v["chol"] != 287.3 || len(v) != 6 {
		t.Errorf("version %d, %v, %v", at, v, err)
	}
	if again, err := AddChart(ctx, p, written(t, "age\n64\n"), a.Record); err != nil || again.Record != a.Record || again.Version != 2 {
		t.Errorf("another version: %+v, %v", again, err)
	}
	if c, at, err := OpenChart(ctx, p, a.Record, 0); err != nil || at != 2 || c.Count() != 1 {
		t.Errorf("the latest: version %d of %d measurements, %v", at, c.Count(), err)
	}
	if c, at, err := OpenChart(ctx, p, a.Record, 1); err != nil || at != 1 || c.Count() != 6 {
		t.Errorf("the first: version %d of %d measurements, %v", at, c.Count(), err)
	}
	study, err := Add(ctx, p, silent, scans(t, 1, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AddChart(ctx, p, written(t, somebody), study[0].Record); !notice.Is(err, notice.Invalid) {
		t.Errorf("a chart added to a study: %v", err)
	}
	if _, _, err := OpenChart(ctx, p, study[0].Record, 0); !notice.Is(err, notice.Invalid) {
		t.Errorf("a study opened as a chart: %v", err)
	}
	if err := Erase(ctx, p, a.Record); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenChart(ctx, p, a.Record, 0); !notice.Is(err, notice.Denied) {
		t.Errorf("an erased chart: %v", err)
	}
}

// What was measured is in no blob, no command and no log.
func TestInvariant1_AChartIsSealed(t *testing.T) {
	var said bytes.Buffer
	n := webtest.Start(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var b bytes.Buffer
			if r.Body != nil {
				_, _ = b.ReadFrom(r.Body)
				r.Body = readCloser{bytes.NewReader(b.Bytes())}
			}
			said.Write(b.Bytes())
			said.WriteString(r.URL.String())
			h.ServeHTTP(w, r)
		})
	}})
	p := someone(t, n)
	if _, err := AddChart(t.Context(), p, written(t, somebody), ""); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"[A-Za-z0-9+/]{40,}=*"`).FindAll(said.Bytes(), -1) { // bodies of commands
		if b, err := base64.StdEncoding.DecodeString(string(m[1 : len(m)-1])); err == nil {
			said.Write(b)
		}
	}
	for _, planted := range []string{"287.3", "1987-06-05", `"chol"`, "thalach", chart.Schema} {
		if bytes.Contains(said.Bytes(), []byte(planted)) || strings.Contains(n.Log.String(), planted) {
			t.Errorf("%s left the device", planted)
		}
	}
	if said.Len() < 1000 || !bytes.Contains(said.Bytes(), []byte(ledger.Chart)) {
		t.Errorf("%d bytes were heard", said.Len())
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// Interrupted again and again, the same chart becomes one record.
func TestInvariant8_AddChartInterrupted(t *testing.T) {
	var left atomic.Int64
	var stop atomic.Pointer[context.CancelFunc]
	n := webtest.Start(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			if cancel := stop.Load(); r.Method != http.MethodGet && !strings.HasPrefix(r.URL.Path, api.Sessions) && left.Add(-1) == 0 && cancel != nil {
				(*cancel)()
			}
		})
	}})
	p := someone(t, n)
	tries := 0
	for after := int64(1); ; after += 2 {
		tries++
		ctx, cancel := context.WithCancel(t.Context())
		left.Store(after)
		stop.Store(&cancel)
		_, err := AddChart(ctx, p, written(t, somebody), "")
		cancel()
		if err == nil {
			break
		}
		if tries == 30 {
			t.Fatal(err)
		}
	}
	stop.Store(nil)
	if records, err := p.Records(t.Context()); err != nil || len(records) != 1 || len(records[0].Versions) != 1 || tries < 3 {
		t.Errorf("%d records after %d tries, %v", len(records), tries, err)
	}
}

// readBy prepares a chart for heart, as prepare does, and gives its logit.
func readBy(t *testing.T, g ml.Graph, card ml.Card, c chart.Chart) (prepared, float64) {
	t.Helper()
	in, known, err := card.Chart.Encode(c.Values.Reveal(reveal.Token{}))
	if err != nil {
		t.Fatal(err)
	}
	y, err := clear.Run(g, in)
	if err != nil {
		t.Fatal(err)
	}
	return prepared{card: card, chart: c, known: known, inputs: []privacy.Secret[[]float64]{privacy.Hide(in)}}, y[0]
}

func TestWhatMovedAFindingOnAChart(t *testing.T) {
	g, card, err := heart.Model()
	if err != nil {
		t.Fatal(err)
	}
	x, logit := readBy(t, g, card, written(t, somebody))
	all, err := x.moved(g, logit)
	if err != nil || len(all) != heart.FieldCount {
		t.Fatalf("%d measurements, %v", len(all), err)
	}
	sum, least := 0.0, math.Inf(1)
	of := map[string]Moved{}
	for _, m := range all {
		sum += math.Abs(m.Share)
		if math.Abs(m.Share) > least+1e-9 {
			t.Errorf("%s is out of order", m.Name)
		}
		least = min(least, math.Abs(m.Share))
		of[m.Name] = m
	}
	if math.Abs(sum-1) > .01 || of["chol"].Value != "287.3 mg/dl" || of["thal"].Value != "not measured" || of["cp"].Value != "none" {
		t.Errorf("shares sum to %g: %+v", sum, all)
	}
	// Nothing but the chest pain differs: that alone moves the finding, the other way.
	y, logit2 := readBy(t, g, card, written(t, strings.Replace(somebody, ",4,", ",2,", 1)))
	other, err := y.moved(g, logit2)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range other {
		if m.Name == "cp" && !(of["cp"].Share > 0 && m.Share < 0) {
			t.Errorf("no pain moves by %g, atypical angina by %g", of["cp"].Share, m.Share)
		}
	}
	if _, err := x.moved(g, logit+.1); !notice.Is(err, notice.Integrity) {
		t.Errorf("a worker's other value is explained: %v", err)
	}
	f := x.about()
	if f.Known != 6 || f.Of != 13 || x.read() != "6 of 13 measurements" {
		t.Errorf("%+v, %s", f, x.read())
	}
	d := Diagnosis{}
	d.draw, d.explain = x.explainers(nil, []float64{logit}, d.Finding)
	pictures, err := x.bars(all, d.Finding)
	if err != nil || len(pictures) != 1 || pictures[0].Name != "measurements" {
		t.Fatalf("%v, %v", pictures, err)
	}
	im, err := png.Decode(bytes.NewReader(pictures[0].PNG.Reveal(reveal.Token{})))
	if err != nil || im.Bounds().Dy() < 13*15 {
		t.Errorf("%v, %v", im.Bounds(), err)
	}
}

// Cards that come with manx are served, and those that cannot be are refused before
// they are published.
func TestOffersAreWhatTheirCardsSay(t *testing.T) {
	for name, c := range map[string]struct {
		open  func() (ml.Graph, ml.Card, error)
		kind  ledger.Kind
		first string
	}{
		"lung-ct": {lungct.Model, ledger.Study, "ct-slice"}, "pneumonia-xray": {pneumonia.Model, ledger.Study, "radiograph"}, "heart": {heart.Model, ledger.Chart, "age"},
	} {
		_, card, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		o, err := OfferOf(card)
		if err != nil || o.Model.Name != name || o.Model.Accepts[0] != c.kind || o.Model.Features[0] != c.first || o.Model.Vertical != ledger.Health {
			t.Errorf("%s: %+v, %v", name, o.Model, err)
		}
		var again ml.Card
		if err := json.Unmarshal(o.Card.Card, &again); err != nil || again.Hash != card.Hash {
			t.Errorf("%s: the card it comes with: %v", name, err)
		}
	}
	for what, spoil := range map[string]func(c *ml.Card){
		"credit":           func(c *ml.Card) { c.Vertical = "credit" },
		"no rule":          func(c *ml.Card) { c.Rule = nil },
		"no input":         func(c *ml.Card) { c.Chart = nil },
		"no precision":     func(c *ml.Card) { c.Precision = nil },
		"a credit feature": func(c *ml.Card) { c.Chart.Fields[2].Name = "credit_limit" },
		"another modality": func(c *ml.Card) {
			c.Chart, c.Input = nil, &ml.Input{Modality: "MR", BodyPart: "CHEST", Width: 1, Size: 64}
		},
	} {
		_, card, err := heart.Model()
		if err != nil {
			t.Fatal(err)
		}
		spoil(&card)
		if _, err := OfferOf(card); !notice.Is(err, notice.Unsupported) || notice.From(err).Hint == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
}
