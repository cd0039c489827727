package local

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/privacy/notice"
)

// A Source is what a site's data are, and how they become examples.
type Source interface {
	// Check returns nil, or a notice that names what cannot be.
	Check() error
	// Shape is what an example is: channels, height, width.
	Shape() [3]int
	// Tell says what is read in words of the ledger.
	Tell() (columns []ledger.TrainingColumn, label ledger.TrainingColumn)
	// Accepts is the kind of record that a row is of.
	Accepts() ledger.Kind
	// Read reads the rows of a site's table for which keep, which is given a row's cells
	// by column, returns true; nil keeps all. A row may become several examples, whose
	// Line is the row's. What does not fit is a notice with the place and a cure, and
	// without a value.
	Read(ctx context.Context, at Place, keep func(cell func(column string) string) bool) (federated.Table, error)
	// Describe puts into a card what is read.
	Describe(*ml.Card)
}

// A Place is where a site's data lie.
type Place struct {
	Table   string // the file
	Studies string // the folder of studies and pictures
	Kept    *Kept  // prepared pictures; nil keeps none

	// Labels are by record, and stand in the place of what the table says.
	Labels map[ledger.RecordID]Label
}

// RecordColumn is the column of a site's table that tells which record a row is.
const RecordColumn = "record"

// Rows returns how many rows of a site's table there are examples of.
func Rows(t federated.Table) int {
	seen := map[int]bool{}
	for _, line := range t.Line {
		seen[line] = true
	}
	return len(seen)
}

// open opens the table, whose columns of the label and, of survival, of its time say what
// Labels do.
func (p Place) open(label federated.Label) (io.ReadCloser, error) {
	f, err := os.Open(p.Table)
	if err != nil {
		return nil, notice.Because(err, notice.NotFound, "the site's table for this training cannot be read", "put it into the folder tables of the site's folder, and give its name: `manx train join --table heart.csv`")
	}
	if len(p.Labels) == 0 {
		return f, nil
	}
	out := &relabelled{Closer: f, in: csv.NewReader(io.LimitReader(f, mostTable)), label: label.Name, labels: p.Labels}
	if label.Time != nil {
		out.time = label.Time.Name
	}
	return out, nil
}

// A Table is a source whose rows are measurements.
type Table struct{ federated.Schema }

// Shape implements Source.
func (t Table) Shape() [3]int { return [3]int{t.Size(), 1, 1} }

// Accepts implements Source.
func (Table) Accepts() ledger.Kind { return ledger.Chart }

// Tell implements Source. The time of survival is the last column.
func (t Table) Tell() (all []ledger.TrainingColumn, label ledger.TrainingColumn) {
	for _, c := range t.Columns {
		all = append(all, told(c))
	}
	if t.Label.Time != nil {
		all = append(all, told(*t.Label.Time))
	}
	return all, labelTold(t.Label)
}

func told(c federated.Column) ledger.TrainingColumn {
	if c.Codes == nil {
		return ledger.TrainingColumn{Name: c.Name, Unit: c.Unit, Low: c.Min, High: c.Max}
	}
	out := ledger.TrainingColumn{Name: c.Name}
	for _, v := range c.Codes {
		out.Codes = append(out.Codes, fmt.Sprintf("%g", v))
	}
	return out
}

func labelTold(l federated.Label) ledger.TrainingColumn {
	out := ledger.TrainingColumn{Name: l.Name}
	out.Codes = append(append(out.Codes, l.Negative...), l.Positive...)
	return out
}

// Read implements Source.
func (t Table) Read(_ context.Context, at Place, keep func(func(string) string) bool) (federated.Table, error) {
	f, err := at.open(t.Label)
	if err != nil {
		return federated.Table{}, err
	}
	defer f.Close()
	return t.Schema.Read(f, keep)
}

// Describe implements Source.
func (t Table) Describe(c *ml.Card) {
	chart := ml.Chart{Flags: t.Flags}
	for _, column := range t.Columns {
		chart.Fields = append(chart.Fields, column.Field)
	}
	c.Chart = &chart
	c.IntendedUse = append(c.IntendedUse, "Research and demonstration, on measurements as the hospitals of its training have them.")
	c.Words = &ml.Words{Record: ml.Text{English: "these measurements", Chinese: "这组检查数据"},
		Sign:  ml.Text{English: "what the label " + t.Label.Name + " stands for", Chinese: "标签 " + t.Label.Name + " 所指情况"},
		Limit: limit()}
}

func limit() ml.Text {
	return ml.Text{English: "It knows only patients as the hospitals of its training have them.", Chinese: "该模型只了解参与训练的医院的患者。"}
}
