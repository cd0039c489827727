package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// What is missing or wrong on the command line is said before anything serves.
func TestRefuses(t *testing.T) {
	g, _ := ledgertest.NewGenesis(3, rand.Reader)
	dir := t.TempDir()
	write := func(name string, g ledger.Genesis) string {
		b, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.json", g)
	g.Organisations = append(g.Organisations, g.Organisations[0])
	twice := write("twice.json", g)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no genesis":          {[]string{}, "genesis cannot be read"},
		"no such genesis":     {[]string{"--genesis", good + "x"}, "genesis cannot be read"},
		"not a genesis":       {[]string{"--genesis", twice}, "genesis is not one"},
		"no id":               {[]string{"--genesis", good}, "package id"},
		"no certificate":      {[]string{"--genesis", good, "--id", "manx:1"}, "certificate and key"},
		"a folder as genesis": {[]string{"--genesis", dir}, "genesis"},
	} {
		var log bytes.Buffer
		err := run(t.Context(), c.args, &log)
		n, ok := errors.AsType[*notice.Error](err)
		if !ok || !strings.Contains(n.Text, c.says) || n.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	var log bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &log); !errors.Is(err, flag.ErrHelp) || !strings.Contains(log.String(), "client-ca") {
		t.Errorf("help: %v, %s", err, log.String())
	}
	if err := run(t.Context(), []string{"--bare"}, &log); err == nil {
		t.Error("a flag that is none was taken")
	}
}
