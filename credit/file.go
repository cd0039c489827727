package credit

import (
	"fmt"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// Values are the fields of a file in schema order, each in its field's unit.
type Values [FieldCount]int64

// A File is one consumer's credit file. It does not print.
type File struct{ values privacy.Secret[Values] }

// New checks v against the schema. The error is a notice that names the field,
// never its value.
func New(v Values) (*File, error) {
	for i, f := range Fields() {
		if v[i] < f.Min || v[i] > f.Max {
			return nil, outOfRange(fmt.Sprintf("field %s", f.Name), f)
		}
	}
	return &File{privacy.Hide(v)}, nil
}

// Values returns the fields to a package that may read clear personal data.
func (f *File) Values(t reveal.Token) Values { return f.values.Reveal(t) }

// Features derives the model's inputs from the fields.
func (f *File) Features() privacy.Secret[Features] {
	return privacy.Hide(Derive(f.values.Reveal(reveal.Token{})))
}

func outOfRange(where string, f Field) error {
	return notice.New(notice.Invalid,
		fmt.Sprintf("%s of the credit file is outside %d to %d (%s)", where, f.Min, f.Max, f.Unit),
		"correct it, or ask the furnisher for a corrected file; docs/credit-file.md lists every field")
}
