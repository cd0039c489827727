package patient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"manx/health"
	"manx/health/chart"
	"manx/ledger"
	"manx/ml"
	"manx/ml/ckks"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// prepared is a record made ready for a model.
type prepared struct {
	model  ledger.Model
	card   ml.Card
	plan   *ckks.Plan
	at     int                         // version of the record
	inputs []privacy.Secret[[]float64] // of the model, one result each

	slices []health.Slice // of a study, one an input
	chart  chart.Chart    // of a chart, which is one input
	known  int            // of its fields
}

// Reads reports whether this version can make a model's input from a record, and a
// finding from its result: notice.Unsupported says what the card lacks or asks.
func Reads(c ml.Card) error {
	unsupported := func(what, hint string) error { return notice.New(notice.Unsupported, what, hint) }
	if c.Rule == nil && c.Survival == nil {
		return unsupported("this model does not say how its result becomes a finding", "choose another: `manx model list`")
	}
	switch {
	case c.Input != nil:
		return SchemaOf(c.Input).Check()
	case c.Chart != nil:
		for _, f := range c.Chart.Fields {
			if m, ok := chart.Named(f.Name); !ok || m.Name != f.Name {
				return unsupported("this model reads a measurement that charts do not hold: "+f.Name, "`manx chart fields` lists those that they hold")
			}
		}
		return nil
	}
	return unsupported("this model does not say what it reads", "choose another: `manx model list`")
}

// accepts returns the kinds of record that a model of a card runs on, and the
// names of its features on the ledger.
func accepts(c ml.Card) (kinds []ledger.Kind, features []string) {
	switch {
	case c.Chart != nil:
		for _, f := range c.Chart.Fields {
			features = append(features, f.Name)
		}
		return []ledger.Kind{ledger.Chart}, features
	case c.Input != nil && c.Input.Modality == ml.Radiographs:
		features = []string{"radiograph"}
	default:
		features = []string{"ct-slice"}
	}
	return []ledger.Kind{ledger.Study, ledger.Deidentified}, features
}

// OfferOf returns what a card says of a model's offer: everything but plan and
// graph. A card that this version cannot serve is notice.Unsupported.
func OfferOf(c ml.Card) (o owner.Offer, err error) {
	if err := Reads(c); err != nil {
		return o, err
	}
	if c.Precision == nil {
		return o, notice.New(notice.Unsupported, "the card does not say how exact the model is", "`manx model check FILE --data-set DIR --card CARD` measures it")
	}
	if c.Vertical != string(ledger.Health) {
		return o, notice.New(notice.Unsupported, "the model is not one of health", "put \"vertical\": \"health\" into its card")
	}
	o.Model = ledger.PublishModel{Vertical: ledger.Health, Name: c.Name, Version: c.Version}
	o.Model.Accepts, o.Model.Features = accepts(c)
	if err := o.Model.Hash.UnmarshalText([]byte(c.Hash)); err != nil {
		return o, err
	}
	if o.Model.Price, err = ledger.ParseAmount(c.Price); err != nil {
		return o, err
	}
	o.Card.Card, err = json.Marshal(c)
	return o, err
}

// SchemaOf returns what a card says of pictures in words of package health.
func SchemaOf(i *ml.Input) health.InputSchema {
	return health.InputSchema{Modality: i.Modality, BodyPart: i.BodyPart, Center: i.Center, Width: i.Width, Size: i.Size, MinRows: i.MinRows, MinLung: i.MinLung,
		MinAge: i.MinAge, MaxAge: i.MaxAge}
}

// prepare reads the record with the model's schema; what the schema does not
// cover is refused before anything is paid.
func prepare(ctx context.Context, p *owner.Party, id ledger.RecordID, name string) (x prepared, err error) {
	if x.model, err = p.ModelNamed(ctx, name); err != nil {
		return x, err
	}
	pub, err := p.Card(ctx, x.model)
	if err != nil {
		return x, err
	}
	if x.card, err = ml.ReadCard(bytes.NewReader(pub.Card)); err != nil {
		return x, err
	}
	if x.card.Precision == nil {
		return x, notice.New(notice.Unsupported, "this model does not say how exact it is", "choose another: `manx model list`")
	}
	if err := Reads(x.card); err != nil {
		return x, err
	}
	r, err := owner.Get[ledger.Record](ctx, p.Client, id)
	if err != nil {
		return x, err
	}
	if !r.Erased && !slices.Contains(x.model.Accepts, r.Kind) { // the contract would refuse it, when all is encrypted
		return x, notice.New(notice.Unsupported, "the model "+x.model.Name+" does not run on a record of this kind ("+string(r.Kind)+")", "`manx model list` shows which kinds each model reads")
	}
	if x.card.Chart != nil {
		err = x.measured(ctx, p, id)
	} else {
		err = x.scanned(ctx, p, id)
	}
	if err != nil {
		return x, err
	}
	x.plan, err = p.Plan(ctx, x.model)
	return x, err
}

// scanned selects the slices of a study.
func (x *prepared) scanned(ctx context.Context, p *owner.Party, id ledger.RecordID) error {
	in, at, err := openStudy(ctx, p, id)
	if err != nil {
		return err
	}
	x.at = at
	defer in.Close()
	if len(in.Studies) != 1 {
		return notice.New(notice.Integrity, "the record does not hold one study", "add the study again: `manx study add`")
	}
	if x.slices, err = health.SelectSlices(ctx, &in.Studies[0], SchemaOf(x.card.Input), min(x.card.Input.Slices, ledger.MaxInputs)); err != nil {
		return err
	}
	for _, s := range x.slices {
		x.inputs = append(x.inputs, s.Input)
	}
	return nil
}

// measured encodes the measurements of a chart.
func (x *prepared) measured(ctx context.Context, p *owner.Party, id ledger.RecordID) error {
	c, at, err := OpenChart(ctx, p, id, 0)
	if err != nil {
		return err
	}
	in, known, err := x.card.Chart.Encode(c.Values.Reveal(reveal.Token{}))
	if err != nil {
		return err
	}
	if known == 0 {
		return notice.New(notice.Unsupported, "the chart holds none of the measurements that the model reads", "`manx model show "+x.model.Name+"` lists them")
	}
	x.chart, x.at, x.known, x.inputs = c, at, known, []privacy.Secret[[]float64]{privacy.Hide(in)}
	return nil
}

// read says what of the record the model reads: "8 slices".
func (x *prepared) read() string {
	n, noun := len(x.inputs), "slice"
	if x.card.Chart != nil {
		return fmt.Sprintf("%d of %d measurements", x.known, len(x.card.Chart.Fields))
	}
	if x.card.Input.Modality == ml.Radiographs {
		noun = "radiograph"
	}
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// about is what the finding's sentences say.
func (x *prepared) about() health.About {
	a := health.About{}
	if w := x.card.Words; w != nil {
		text := func(t ml.Text) health.Text { return health.Text{English: t.English, Chinese: t.Chinese} }
		a.Words = health.Words{Record: text(w.Record), Sign: text(w.Sign), Limit: text(w.Limit)}
	}
	switch {
	case x.card.Chart != nil:
		a.Read, a.Known, a.Of = health.Measurements, x.known, len(x.card.Chart.Fields)
	case x.card.Input.Modality == ml.Radiographs:
		a.Read = health.Radiographs
	}
	for _, s := range x.slices {
		a.Untold |= s.Untold
	}
	return a
}
