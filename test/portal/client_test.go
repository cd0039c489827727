package portal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"manx/ledger"
	"manx/storage"
	"manx/test/webtest"
	"manx/web/api"
)

// The generated TypeScript client compiles and speaks to a node.
func TestTheTypeScriptClient(t *testing.T) {
	ui, err := filepath.Abs("../../web/ui")
	if err != nil {
		t.Fatal(err)
	}
	tsc := filepath.Join(ui, "node_modules", ".bin", "tsc")
	if _, err := os.Stat(tsc); err != nil {
		t.Skip("no npm packages: make portal installs them")
	}
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me := s.Party(ledger.Health, ledger.Person)
	one, two := s.Fund(me, ledger.MAN(1)), s.Fund(me, ledger.MAN(2))

	dir := t.TempDir()
	for _, name := range []string{"client.ts", "call.ts"} {
		b, err := os.ReadFile(filepath.Join(ui, "src", "api", name))
		if err != nil {
			t.Fatal(err)
		}
		b = bytes.ReplaceAll(b, []byte(`"./call"`), []byte(`"./call.js"`)) // as a browser's bundler does
		if err := os.WriteFile(filepath.Join(dir, name), bytes.ReplaceAll(b, []byte(`"./client"`), []byte(`"./client.js"`)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	compile := exec.CommandContext(t.Context(), tsc, "client.ts", "call.ts", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable")
	compile.Dir = dir
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	arg, err := json.Marshal(map[string]any{"client": dir, "address": n.URL, "cid": storage.RefOf([]byte("sealed bytes")).String(), "command": signed(t, n, me, api.OpenSession{})})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "client.mjs", string(arg))
	var warn bytes.Buffer
	node.Stderr = &warn
	said, err := node.Output()
	var heard map[string]any
	if err = errors.Join(err, json.Unmarshal(said, &heard)); err != nil {
		t.Fatalf("%v\n%s", err, warn.String())
	}
	link, _ := heard["link"].(string)
	if delete(heard, "link"); !strings.HasPrefix(link, "<"+api.Mine+"/coin?before=") {
		t.Errorf("Link %q", link)
	}
	want := map[string]any{"refused": "401 urn:manx:notice:denied Bearer", "nodes": 6.0, "coins": []any{string(two), string(one)}, "again": 304.0, "put": 201.0, "got": "sealed bytes",
		"given": "100", "events": "id:", "ended": 204.0}
	if !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %s\nwant  %s", fmt.Sprint(heard), fmt.Sprint(want))
	}
}
