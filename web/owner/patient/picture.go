package patient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	"manx/health"
	"manx/health/picture"
	"manx/ledger"
	"manx/ml"
	"manx/ml/saliency"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// A Picture is a slice or radiograph that the model read, with what moved the model
// in colour; or, of a chart, a bar for each measurement.
type Picture struct {
	Name string                 // slice-12, radiograph-1, measurements
	PNG  privacy.Secret[[]byte] // of a slice at its own resolution, a caption below
}

// Pictures draws one picture a slice, in the order of the slices, or one of a
// chart, from the graph that the model's owner published; all of it happens on
// this device. It is
// notice.Unsupported where there is no such graph or no map of it, and
// notice.Integrity where the graph is not the model's or gives other values than
// the worker. The finding stands all the same. It is for a Diagnosis as Diagnose
// returned it.
func (d Diagnosis) Pictures(ctx context.Context) ([]Picture, error) { return d.draw(ctx) }

// KeepPictures draws a diagnosis's pictures and writes them into the home, readable
// by its owner only and not sealed: findings/JOB/slice-N.png or radiograph-N.png, N the
// number of the instance, or measurements.png; where two have one name, the later
// is slice-N-2.png. It returns the files.
func KeepPictures(ctx context.Context, p *owner.Party, d Diagnosis) ([]string, error) {
	files := []string{}
	all, err := d.Pictures(ctx)
	if err != nil {
		return files, err
	}
	seen := map[string]int{}
	for _, x := range all {
		name := x.Name
		if seen[name]++; seen[name] > 1 {
			name += fmt.Sprintf("-%d", seen[name])
		}
		file, err := p.Home.Path("findings", string(d.Job), name+".png")
		if err = errors.Join(err, os.WriteFile(file, x.PNG.Reveal(reveal.Token{}), 0o600)); err != nil {
			return files, fmt.Errorf("write picture: %w", err)
		}
		files = append(files, file)
	}
	return files, nil
}

// Erase erases a record, and the pictures of its diagnoses from the home.
func Erase(ctx context.Context, p *owner.Party, id ledger.RecordID) error {
	jobs, err := p.Jobs(ctx)
	if err != nil {
		return err
	}
	if err := dropPictures(p, jobs, id); err != nil {
		return err
	}
	return p.Erase(ctx, id)
}

// dropPictures removes the pictures of those jobs that are over a record.
func dropPictures(p *owner.Party, jobs []ledger.Job, id ledger.RecordID) error {
	for _, j := range jobs {
		if j.Record != id {
			continue
		}
		dir, err := p.Home.Path("findings", string(j.ID))
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
			return fmt.Errorf("remove pictures: %w", err)
		}
	}
	return nil
}

// draw maps every slice first: all pictures of a study share one scale, so that a
// slice that moved the model little looks so.
func draw(ctx context.Context, x prepared, g ml.Graph, logits []float64, f health.Finding) ([]Picture, error) {
	maps := make([]saliency.Map, len(x.slices))
	full := 0.0
	for i, s := range x.slices {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if maps[i], err = saliency.Of(g, s.Input.Reveal(reveal.Token{})); err != nil {
			return nil, err
		}
		if !(math.Abs(maps[i].Value-logits[i]) <= x.card.Precision.Bound) {
			return nil, notice.New(notice.Integrity, "the published graph gives another value for a slice than the worker did", "do not rely on the finding, and tell the model's owner")
		}
		for _, v := range maps[i].Shares {
			full = max(full, math.Abs(v))
		}
		full = max(full, leastFull/maps[i].Region)
	}
	counts := make([]bool, len(x.slices))
	for _, i := range f.Slices {
		counts[i] = true
	}
	out := make([]Picture, len(x.slices))
	for i, s := range x.slices {
		b, err := picture.PNG(s.Grey.Reveal(reveal.Token{}), picture.Map{Values: maps[i].Shares, Rows: g.Input[1], Columns: g.Input[2], Full: full},
			caption(x, i, logits[i], counts[i]))
		if err != nil {
			return nil, err
		}
		out[i] = Picture{fmt.Sprintf("%s-%d", x.part(), s.Instance.Number), privacy.Hide(b)}
	}
	return out, nil
}

// leastFull is how much of a logit a region moves that is in full colour, at least:
// where nothing moved the model much, no picture shouts.
const leastFull = 0.25

// part is what one picture of a study is called.
func (x prepared) part() string {
	if x.card.Input.Modality == ml.Radiographs {
		return "radiograph"
	}
	return "slice"
}

// caption says what the picture shows. The value is rounded as a finding's score
// is: a raw decryption carries noise that depends on the key.
func caption(x prepared, i int, logit float64, counts bool) []picture.Line {
	value := fmt.Sprintf("value %.2f of 1", 1/(1+math.Exp(-logit)))
	if counts {
		value += ", counts in the finding"
	}
	return []picture.Line{
		{{Words: fmt.Sprintf(x.part()+" %d, %d of %d that %s %s read", x.slices[i].Instance.Number, i+1, len(x.slices), x.card.Name, x.card.Version)}},
		{{Words: value}},
		{{Words: "orange raised it,", Colour: picture.Above}, {Words: "blue lowered it", Colour: picture.Below}},
		{{Words: "not for diagnosis:"}},
		{{Words: "shows what moved the model"}},
	}
}
