package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func packed(t *testing.T, text string) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

func get(h http.Handler, method, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	h := handler(fstest.MapFS{
		"dist/portal/index.html.gz":       packed(t, `<meta name="style-nonce" content="__NONCE__">`),
		"dist/portal/assets/a-1.js.gz":    packed(t, "let a"),
		"dist/portal/assets/m-1.wasm.gz":  packed(t, "\x00asm"),
		"dist/README":                     {Data: []byte("not the portal's")},
		"dist/portal/assets/unpacked.txt": {Data: []byte("not packed")},
	})
	for _, c := range []struct {
		method, path, accept string
		status               int
		kind, encoding, body string // "" for what is not looked at
		never                string
	}{
		{"GET", "/", "gzip", 200, "text/html; charset=utf-8", "", "", "__NONCE__"},
		{"GET", "/upload", "", 200, "text/html; charset=utf-8", "", "", "__NONCE__"},
		{"GET", "/index.html", "", 200, "text/html; charset=utf-8", "", "", "__NONCE__"},
		{"HEAD", "/", "", 200, "text/html; charset=utf-8", "", "", "meta"},
		{"GET", "/assets/a-1.js", "", 200, "text/javascript; charset=utf-8", "", "let a", ""},
		{"GET", "/assets/a-1.js", "gzip, br", 200, "text/javascript; charset=utf-8", "gzip", "", "let a"},
		{"GET", "/assets/m-1.wasm", "", 200, "application/wasm", "", "\x00asm", ""},
		{"GET", "/assets/none.js", "", 404, "", "", "", "meta"},
		{"GET", "/assets/unpacked.txt", "", 404, "", "", "", "not packed"},
		{"GET", "/../README", "", 200, "text/html; charset=utf-8", "", "", "not the portal's"},
		{"POST", "/", "", 405, "", "", "", "meta"},
	} {
		w := get(h, c.method, c.path, c.accept)
		if w.Code != c.status || c.kind != "" && w.Header().Get("Content-Type") != c.kind || w.Header().Get("Content-Encoding") != c.encoding {
			t.Errorf("%s %s: %d, %v", c.method, c.path, w.Code, w.Header())
		}
		if c.body != "" && w.Body.String() != c.body || c.never != "" && strings.Contains(w.Body.String(), c.never) {
			t.Errorf("%s %s: body %q", c.method, c.path, w.Body.String())
		}
	}
}

// TestPolicy: nothing of another origin, no inline script, and styles by a nonce that
// no two pages share.
func TestPolicy(t *testing.T) {
	h := handler(fstest.MapFS{"dist/portal/index.html.gz": packed(t, `content="__NONCE__"`)})
	nonces := map[string]bool{}
	for range 2 {
		w := get(h, "GET", "/", "")
		csp := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "script-src 'self' 'wasm-unsafe-eval';"} {
			if !strings.Contains(csp, want) {
				t.Errorf("policy %q has no %q", csp, want)
			}
		}
		if strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "'unsafe-eval'") || strings.Contains(csp, "http") || strings.Contains(csp, "*") {
			t.Errorf("policy %q", csp)
		}
		nonce := strings.TrimSuffix(strings.TrimPrefix(w.Body.String(), `content="`), `"`)
		if len(nonce) < 22 || !strings.Contains(csp, "'nonce-"+nonce+"'") {
			t.Errorf("nonce %q is not that of %q", nonce, csp)
		}
		nonces[nonce] = true
	}
	if len(nonces) != 2 {
		t.Error("two pages have one nonce")
	}
}

func TestUnbuilt(t *testing.T) {
	w := get(handler(fstest.MapFS{}), "GET", "/", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "make build") {
		t.Errorf("%d %q", w.Code, w.Body.String())
	}
}

func TestServes(t *testing.T) {
	for path, want := range map[string]bool{"/": true, "/upload": true, "/ask/health-rec-1": true, "/portfolio": true, "/trainings": true, "/v1/network": false, "/upload/../v1/network": false, "/README": false, "/nowhere.php": false, "/assets/none.js": false} {
		if Serves(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

// What is published of a portal is every file as it was before it was compressed, and
// the page as it is kept, whatever nonce a visit drew.
func TestSums(t *testing.T) {
	files := fstest.MapFS{
		"dist/portal/index.html.gz":  packed(t, `<meta name="style-nonce" content="__NONCE__"><style nonce="__NONCE__">`),
		"dist/portal/assets/a.js.gz": packed(t, "let a"),
		"dist/README":                {Data: []byte("not the portal's")},
	}
	paths, sums, err := sumsOf(files)
	if err != nil || !slices.Equal(paths, []string{"assets/a.js", "index.html"}) || sums[0] != Sum([]byte("let a")) || len(sums[0]) != 64 {
		t.Fatalf("%q %q %v", paths, sums, err)
	}
	page := get(handler(files), "GET", "/", "").Body.Bytes()
	if bytes.Contains(page, []byte("__NONCE__")) || Sum(Page(page)) != sums[1] {
		t.Errorf("the served page %q is not known again", page)
	}
	if other := bytes.Replace(page, []byte("<style"), []byte("<script"), 1); Sum(Page(other)) == sums[1] {
		t.Error("another page passes for the published one")
	}
	if paths, _, err := sumsOf(fstest.MapFS{"dist/README": {}}); err != nil || len(paths) != 0 {
		t.Errorf("without a portal: %q %v", paths, err)
	}
}

// TestTheFirstPageIsLight: what the portal that the binary carries loads before it shows
// anything, its scripts and the words of one language, is at most 150 KiB compressed.
func TestTheFirstPageIsLight(t *testing.T) {
	if !Built() {
		t.Skip("the portal is not built: make portal")
	}
	page := get(Handler(), "GET", "/", "").Body.String()
	size := func(name string) int {
		info, err := fs.Stat(dist, "dist/portal/"+name+".gz")
		if err != nil {
			t.Fatal(err)
		}
		return int(info.Size())
	}
	first := 0
	for _, m := range regexp.MustCompile(`"/(assets/[^"]+\.js)"`).FindAllStringSubmatch(page, -1) {
		first += size(m[1])
	}
	words := 0
	all, err := fs.Glob(dist, "dist/portal/assets/*.js.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if base := path.Base(name); strings.HasPrefix(base, "en-") || strings.HasPrefix(base, "zh-") {
			words = max(words, size("assets/"+strings.TrimSuffix(base, ".gz")))
		}
	}
	if first == 0 || words == 0 || first+words > 150<<10 {
		t.Errorf("scripts of %d bytes and words of %d", first, words)
	}
}
