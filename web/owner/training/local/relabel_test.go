package local

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"manx/ledger"
)

// What is said of a record stands where the table says otherwise, or nothing, and
// nowhere else; a table that is no CSV stays none.
func TestRelabelled(t *testing.T) {
	labels := map[ledger.RecordID]string{"a": "1", "c": "0", "e": "yes, with a comma"}
	for name, of := range map[string]struct{ in, want, bad string }{
		"labels":           {"record,age,disease\na,5,0\nb,6,0\n c ,7,\n", "record,age,disease\na,5,1\nb,6,0\n\" c \",7,0\n", ""},
		"quotes":           {"\ufeffrecord,\"disease\"\n\"e\",\"a\nb\"\n", "\ufeffrecord,disease\ne,\"yes, with a comma\"\n", ""},
		"no record column": {"age,disease\na,1\n", "age,disease\na,1\n", ""},
		"no label column":  {"record,age\na,5\n", "record,age\na,5\n", ""},
		"no CSV":           {"record,disease\na,1,2\n", "record,disease\n", "wrong number of fields"},
	} {
		file := filepath.Join(t.TempDir(), "table")
		if err := os.WriteFile(file, []byte(of.in), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Place{Table: file, Labels: labels}.open("disease")
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
