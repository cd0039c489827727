// Package ui is the portal: a page, its scripts and the owner's side as a module,
// built by npm into the folder dist/portal and carried in the binary. Where that was
// not built it serves a page that says how. It answers with files alone; the
// interface that they call is package web's.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// The build leaves every file compressed only: NAME.gz.
//
//go:embed all:dist
var dist embed.FS

// policy is what the page may do: run its own scripts and the module, speak to the
// node that served it, and nothing else. NONCE is drawn anew for each page, for the
// style elements that the page makes itself.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
	"style-src 'self' 'nonce-NONCE'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Built reports whether the binary carries the portal.
func Built() bool {
	_, err := fs.Stat(dist, "dist/portal/index.html.gz")
	return err == nil
}

// Serves reports whether a path is the portal's: one of its files, or one of its pages.
func Serves(p string) bool {
	name := clean(p)
	page, _, _ := strings.Cut(name, "/")
	_, err := fs.Stat(dist, "dist/portal/"+name+".gz")
	return err == nil || slices.Contains(pages(), page)
}

func clean(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }

// Sums returns the paths of the portal's files and the SHA-384 of each in
// base64; nothing where the binary carries none. The page's is of index.html as it is
// kept, before a nonce is put in (Page).
func Sums() (paths, sums []string, err error) { return sumsOf(dist) }

func sumsOf(files fs.FS) (paths, sums []string, err error) {
	err = fs.WalkDir(files, "dist/portal", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".gz" {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err == nil {
			b, err = unpack(b)
		}
		paths, sums = append(paths, strings.TrimSuffix(strings.TrimPrefix(name, "dist/portal/"), ".gz")), append(sums, Sum(b))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	return paths, sums, err
}

// Sum is the SHA-384 of a file as integrity attributes have it, without its prefix.
func Sum(b []byte) string {
	h := sha512.Sum384(b)
	return base64.StdEncoding.EncodeToString(h[:])
}

// Page returns the page as it is kept, of the page as a visitor got it.
func Page(served []byte) []byte {
	_, rest, ok := bytes.Cut(served, []byte(`name="style-nonce" content="`))
	nonce, _, end := bytes.Cut(rest, []byte(`"`))
	if !ok || !end || len(nonce) == 0 {
		return served
	}
	return bytes.ReplaceAll(served, nonce, []byte("__NONCE__"))
}

// Handler serves the portal: files under their names, and the page under every other
// path, which the page reads itself.
func Handler() http.Handler { return handler(dist) }

func handler(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only to be read", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Embedder-Policy", "require-corp") // a process of its own
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(self), payment=(), usb=()")
		name := clean(r.URL.Path)
		if b, err := fs.ReadFile(files, "dist/portal/"+name+".gz"); err == nil && name != "index.html" {
			h.Set("Content-Security-Policy", strings.Replace(policy, " 'nonce-NONCE'", "", 1)) // a worker has its own
			h.Set("Content-Type", typeOf(name))
			if strings.HasPrefix(name, "assets/") { // named by their content
				h.Set("Cache-Control", "public, max-age=31536000, immutable")
			}
			send(w, r, b)
			return
		}
		if strings.HasPrefix(name, "assets/") {
			http.NotFound(w, r)
			return
		}
		page(w, r, files)
	})
}

// page sends the page with its policy, or what to do where there is none.
func page(w http.ResponseWriter, r *http.Request, files fs.FS) {
	draw := make([]byte, 16)
	_, _ = rand.Read(draw)
	nonce := base64.StdEncoding.EncodeToString(draw)
	h := w.Header()
	h.Set("Content-Security-Policy", strings.Replace(policy, "NONCE", nonce, 1))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	b, err := fs.ReadFile(files, "dist/portal/index.html.gz")
	if err == nil {
		b, err = unpack(b)
	}
	if errors.Is(err, fs.ErrNotExist) {
		b, err = []byte(unbuilt), nil
	}
	if err != nil {
		http.Error(w, "the page is damaged", http.StatusInternalServerError)
		return
	}
	answer(w, r, bytes.ReplaceAll(b, []byte("__NONCE__"), []byte(nonce)))
}

const unbuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Manx</title><h1>Manx</h1>
<p>This node runs, but its binary was built without the portal. Build it with <code>make build</code>, which needs Node and npm, and start the node again.</p>
<p lang="zh">此节点正在运行,但其程序未包含门户。请用 <code>make build</code> 构建(需要 Node 和 npm),然后重新启动节点。</p>
<p>The command line does all that the portal does: <code>manx --help</code>.</p></html>
`

// send answers with compressed bytes, or unpacks them for who cannot.
func send(w http.ResponseWriter, r *http.Request, packed []byte) {
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		b, err := unpack(packed)
		if err != nil {
			http.Error(w, "the file is damaged", http.StatusInternalServerError)
			return
		}
		answer(w, r, b)
		return
	}
	h.Set("Content-Encoding", "gzip")
	answer(w, r, packed)
}

func answer(w http.ResponseWriter, r *http.Request, b []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(b) //nolint:gosec // a file of the portal's own; who went away has no use for an error
	}
}

// maxFile is far above the largest file of the portal, the module.
const maxFile = 256 << 20

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxFile))
}

// typeOf names what the build makes; what it does not make has no type.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".wasm":
		return "application/wasm"
	case ".svg":
		return "image/svg+xml"
	case ".html":
		return "text/html; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	}
	return "application/octet-stream"
}
