package training

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"

	"manx/ledger"
	"manx/test/webtest"
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
// told. Nor is it in anybody's log.
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
	const age, rounds = 61.73, 2
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
	id, err := s.sites[0].Party.ProposeTraining(t.Context(), s.proposal(recipe(false), rounds))
	if err != nil {
		t.Fatal(err)
	}
	told := &capture{}
	for _, h := range s.sites {
		h.permit(s, id, 12)
		h.start()
	}
	s.sites[0].stop()
	s.sites[0].tapped = func(c *stream) { c.in = bufio.NewReader(io.TeeReader(c.in, told)) }
	s.sites[0].start()
	s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == rounds && !on.Busy })
	const masked = 4 * (5 + cells) // bytes of an update at least
	if n := len(told.bytes()); n < rounds*4*masked {
		t.Fatalf("the coordinator was told %d bytes: its updates are not among them", n)
	}
	x := (age - 55) / 15.0
	planted := map[string][]byte{
		"a name": []byte(name), "a note": []byte(note), "an age": []byte("61.73"),
		"an age in 64 bits":     binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)),
		"an age in 32 bits":     binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x))),
		"an age in 64 bits raw": binary.LittleEndian.AppendUint64(nil, math.Float64bits(age)),
	}
	places := map[string][]byte{"the node": asked.bytes(), "the hub": w.copy.bytes(), "the coordinator": told.bytes(), "the node's log": []byte(s.n.Log.String())}
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
