package portal

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A node that serves another script than the organisations published is found out, in
// words; one that serves theirs is not blamed.
func TestTheServedPortalIsComparedWithThePublished(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a network")
	}
	needs(t)
	dir := t.TempDir()
	net := start(t, dir, "--workers", "-1")
	pass := filepath.Join(dir, "pass")
	if err := os.WriteFile(pass, []byte(passphrase), 0o600); err != nil {
		t.Fatal(err)
	}
	manx := func(home, node string, args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), filepath.Join(dir, "manx"), append(args, "--data", filepath.Join(dir, home), "--node", node, "--passphrase-file", pass)...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	must := func(out string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return out
	}
	must(manx("alice", net.Address, "keys", "new"))
	if out, err := manx("alice", net.Address, "audit", "build"); err == nil || !strings.Contains(out, "published no portal") {
		t.Errorf("before anything is published: %v\n%s", err, out)
	}
	must(manx("node", net.Address, "portal", "publish", "--organisation", "health", "--release", "1.0"))
	must(manx("node", net.Address, "coin", "approve", "portal.json", "--organisation", "credit", "--yes"))
	if out := must(manx("alice", net.Address, "audit", "build")); !strings.Contains(out, "release 1.0") || !strings.Contains(out, "the same") || strings.Contains(out, "differs") {
		t.Errorf("the published portal: %s", out)
	}

	at, err := url.Parse(net.Address)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(at)
	changed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".js") {
			through.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Accept-Encoding")
		rec := httptest.NewRecorder()
		through.ServeHTTP(rec, r)
		_, _ = w.Write(bytes.Replace(rec.Body.Bytes(), []byte("let "), []byte("var "), 1))
	}))
	defer changed.Close()
	out, err := manx("alice", changed.URL, "audit", "build")
	if err == nil || !strings.Contains(out, "another portal than the organisations published") || !strings.Contains(out, "differs") || !strings.Contains(out, "do not unlock your keys") {
		t.Errorf("a changed script: %v\n%s", err, out)
	}
}
