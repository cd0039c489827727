package local

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/web/owner/patient"
)

// StudyColumn is the column of a site's table that says where a row's pictures are: a
// folder, a ZIP or a file, by its path in the site's folder of studies.
const StudyColumn = "study"

// Pictures is a source whose rows are studies: DICOM, of which slices are chosen and
// made a model's input as a patient's device does it; or pictures that the site has
// prepared, grey PNG of the values that a window leaves. Every example of a row has
// the row's label.
type Pictures struct {
	ml.Input
	Label federated.Label
}

// Check implements Source.
func (p Pictures) Check() error {
	if err := p.Label.Check(); err != nil {
		return err
	}
	if p.Label.Time != nil || p.Label.Name == StudyColumn {
		return notice.New(notice.Invalid, "the label of pictures is a column of its own, without a time", "name it otherwise than "+StudyColumn)
	}
	if p.Slices < 1 || p.Slices > mostSlices {
		return notice.New(notice.Invalid, fmt.Sprintf("a study is read by 1 to %d slices", mostSlices), "correct the recipe's pictures.slices")
	}
	return patient.SchemaOf(&p.Input).Check()
}

// Shape implements Source.
func (p Pictures) Shape() [3]int { return [3]int{1, p.Size, p.Size} }

// Accepts implements Source: studies without names.
func (Pictures) Accepts() ledger.Kind { return ledger.Deidentified }

// Tell implements Source: what a pixel is.
func (p Pictures) Tell() ([]ledger.TrainingColumn, ledger.TrainingColumn) {
	c := ledger.TrainingColumn{Name: "CT", Unit: "HU", Low: p.Center - p.Width/2, High: p.Center + p.Width/2}
	if p.Modality == ml.Radiographs {
		c = ledger.TrainingColumn{Name: "radiograph", Unit: "grey", Low: 0, High: 1}
	}
	return []ledger.TrainingColumn{c}, labelTold(p.Label)
}

// Describe implements Source.
func (p Pictures) Describe(c *ml.Card) {
	in := p.Input
	c.Input = &in
	c.IntendedUse = append(c.IntendedUse, "Research and demonstration, on studies as the hospitals of its training make them.")
	c.Words = &ml.Words{Record: ml.Text{English: "this study", Chinese: "这组影像"},
		Sign:  ml.Text{English: "what the label " + p.Label.Name + " stands for", Chinese: "标签 " + p.Label.Name + " 所指情况"},
		Limit: limit()}
}

// mostStudies bounds a table, and mostSlices what a row becomes.
const mostStudies, mostSlices, maxStudyTable = 1 << 16, 64, 16 << 20

func misfit(what, cure string) error {
	return notice.New(notice.Invalid, "this site's table cannot take part: "+what, cure)
}

// Read implements Source.
func (p Pictures) Read(ctx context.Context, at Place, keep func(func(string) string) bool) (t federated.Table, err error) {
	f, err := at.open(p.Label)
	if err != nil {
		return t, err
	}
	defer f.Close()
	in := csv.NewReader(io.LimitReader(f, maxStudyTable))
	head, err := in.Read()
	if err != nil {
		return t, misfit("it has no heading", "the first line names the columns")
	}
	column := map[string]int{}
	for i, h := range head {
		h = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
		if _, twice := column[h]; twice && (h == StudyColumn || h == p.Label.Name) {
			return t, misfit("it has the column "+h+" twice", "keep one of them")
		}
		column[h] = i
	}
	for _, name := range []string{StudyColumn, p.Label.Name} {
		if _, ok := column[name]; !ok {
			return t, misfit("it has no column "+name, "a table of studies has a column "+StudyColumn+", the path in the folder studies, and the label's: `manx train status`")
		}
	}
	studies, err := openStudies(at, p.Input)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, studies.close()) }()
	for line := 1; ; line++ {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return t, misfit(fmt.Sprintf("row %d is not CSV with as many cells as the heading", line), "write the table again")
		}
		if line > mostStudies {
			return t, misfit(fmt.Sprintf("it has more than %d rows", mostStudies), "take part with fewer studies")
		}
		cell := func(name string) string {
			if i, ok := column[name]; ok {
				return record[i]
			}
			return ""
		}
		if keep != nil && !keep(cell) {
			continue
		}
		if err := p.row(ctx, &t, studies, cell, line); err != nil {
			return federated.Table{}, err
		}
	}
	if len(t.X) == 0 {
		return t, misfit("no row of it can take part", "wait until records with a grant that covers this training are there, or leave it")
	}
	return t, nil
}

// row appends a row's examples to t.
func (p Pictures) row(ctx context.Context, t *federated.Table, studies *studies, cell func(string) string, line int) error {
	refuse := func(column, what, cure string) error {
		return misfit(fmt.Sprintf("row %d, column %s: %s", line, column, what), cure)
	}
	positive, known, what, cure := p.Label.Read(cell(p.Label.Name))
	if what != "" {
		return refuse(p.Label.Name, what, cure)
	}
	name := strings.TrimSpace(cell(StudyColumn))
	if !known || name == "" {
		t.Left++
		return nil
	}
	all, err := studies.prepare(ctx, name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		n := notice.From(err)
		return refuse(StudyColumn, n.Text, n.Hint)
	}
	for _, x := range all {
		t.X, t.Positive, t.Line = append(t.X, x), append(t.Positive, positive), append(t.Line, line)
	}
	return nil
}
