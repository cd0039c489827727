package training

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"manx/ledger"
	"manx/test/webtest"
	"manx/web/owner"
)

// A capture keeps what goes over a wire.
type capture struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.Write(b)
}

func (c *capture) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.all.Bytes())
}

type answerer struct {
	http.ResponseWriter
	to io.Writer
}

func (a answerer) Write(b []byte) (int, error) {
	_, _ = a.to.Write(b)
	return a.ResponseWriter.Write(b)
}

// Unwrap implements what http.ResponseController asks for.
func (a answerer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush implements http.Flusher: events are streamed.
func (a answerer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Nothing of a site's rows is in what crosses its door: not in what it asks of its
// node and is answered, not on its streams, and not in all that the coordinator is
// told, which its journal holds when it is killed before the round's end. Nor is it
// in anybody's log.
func TestInvariant1_NoRowLeavesAHospital(t *testing.T) {
	const name, note = "Adalbert Zwicknagel", "PLANTED-NOTE-9b1f"
	asked := &capture{}
	front := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			_, _ = asked.Write([]byte(r.URL.String()))
			_, _ = asked.Write(b)
			r.Body = io.NopCloser(bytes.NewReader(b))
			h.ServeHTTP(answerer{w, asked}, r)
		})
	}
	var w *wires
	s := begin(t, 4, webtest.Options{Front: front}, func(l net.Listener) net.Listener {
		w = &wires{Listener: l, after: -1, copy: &capture{}}
		return w
	})
	const age = 61.73
	for i, h := range s.sites {
		h.table(s, 12, uint64(i+1), func(_ int, cells []string) { cells[1] = "61.73" })
		b, err := os.ReadFile(folder(h.Dir).table("patients.csv"))
		s.check(err)
		lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
		for k := range lines {
			extra := ",name,note"
			if k > 0 {
				extra = "," + name + "," + note
			}
			lines[k] = append(lines[k], extra...)
		}
		s.check(os.WriteFile(folder(h.Dir).table("patients.csv"), bytes.Join(lines, []byte("\n")), 0o600))
		h.allow(s, anything)
	}
	id, err := s.sites[0].Party.ProposeTraining(t.Context(), s.proposal(recipe(false), 3))
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.sites[0].Party.StreamKey(owner.Coordinates)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := key.Public().(ed25519.PublicKey)
	killed := make(chan struct{})
	for _, h := range s.sites {
		h.permit(s, id, 12)
	}
	// A coordinator that only coordinates is killed; the site of the same party with it.
	w.arm(public, 40, func() { s.sites[0].stop(); close(killed) })
	for _, h := range s.sites {
		h.start()
	}
	<-killed
	coordinator := folder(s.sites[0].Dir).round(id, 1, "coordinator")
	var told []byte
	masked := 0
	s.check(filepath.WalkDir(coordinator, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if told = append(told, b...); bytes.HasPrefix([]byte(filepath.Base(p)), []byte("masked-")) {
			masked++
		}
		return err
	}))
	if masked != 4 {
		t.Fatalf("the coordinator was killed with %d masked updates: nothing is shown", masked)
	}
	s.sites[0].start()
	s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == 3 && !on.Busy })
	x := (age - 55) / 15.0
	planted := map[string][]byte{
		"a name": []byte(name), "a note": []byte(note), "an age": []byte("61.73"),
		"an age in 64 bits":     binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)),
		"an age in 32 bits":     binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x))),
		"an age in 64 bits raw": binary.LittleEndian.AppendUint64(nil, math.Float64bits(age)),
	}
	places := map[string][]byte{"the node": asked.bytes(), "the hub": w.copy.bytes(), "the coordinator": told, "the node's log": []byte(s.n.Log.String())}
	for _, h := range s.sites {
		places["a hospital's log"] = append(places["a hospital's log"], h.log.String()...)
	}
	for where, b := range places {
		if len(b) < 100 {
			t.Errorf("nothing was captured at %s", where)
		}
		for what, p := range planted {
			if bytes.Contains(b, p) {
				t.Errorf("%s is at %s", what, where)
			}
		}
	}
	if !bytes.Contains(asked.bytes(), []byte("training.cover")) {
		t.Error("the capture of the node has no command")
	}
}
