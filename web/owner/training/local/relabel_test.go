package local

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
)

// What is said of a record stands where the table says otherwise, or nothing, and
// nowhere else; a table that is no CSV stays none.
func TestRelabelled(t *testing.T) {
	later := 400.5
	labels := map[ledger.RecordID]Label{"a": {Code: "1", Time: &later}, "c": {Code: "0"}, "e": {Code: "yes, with a comma"}}
	for name, of := range map[string]struct{ in, want, bad string }{
		"labels":           {"record,age,disease\na,5,0\nb,6,0\n c ,7,\n", "record,age,disease\na,5,1\nb,6,0\n\" c \",7,0\n", ""},
		"quotes":           {"\ufeffrecord,\"disease\"\n\"e\",\"a\nb\"\n", "\ufeffrecord,disease\ne,\"yes, with a comma\"\n", ""},
		"no record column": {"age,disease\na,1\n", "age,disease\na,1\n", ""},
		"no label column":  {"record,age\na,5\n", "record,age\na,5\n", ""},
		"a time":           {"record,days [d],disease\na,5,0\nc,6,1\n", "record,days [d],disease\na,400.5,1\nc,6,0\n", ""},
		"no CSV":           {"record,disease\na,1,2\n", "record,disease\n", "wrong number of fields"},
	} {
		file := filepath.Join(t.TempDir(), "table")
		if err := os.WriteFile(file, []byte(of.in), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Place{Table: file, Labels: labels}.open(federated.Label{Name: "disease", Time: &federated.Column{Field: ml.Field{Name: "days"}}})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if string(b) != of.want || (err != nil) != (of.bad != "") {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
