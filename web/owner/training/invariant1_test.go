package training

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"manx/ledger"
	"manx/test/webtest"
	"manx/web/owner/training/evaluation"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/recipe/recipetest"
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
	for name, of := range map[string]struct {
		kit    func(*testing.T) kit
		rounds int
	}{
		"measurements": {func(*testing.T) kit { return tables(recipetest.Logistic(false)) }, 2},
		"survival":     {func(*testing.T) kit { return survival() }, 24},
		"pictures":     {func(*testing.T) kit { return pictures() }, 5},
		"program":      {trained, 2},
		"on shares":    {func(*testing.T) kit { k := tables(recipetest.Logistic(false)); k.shares = true; return k }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			k := of.kit(t)
			k.rounds = of.rounds
			noRowLeaves(t, k)
		})
	}
}

// plant puts a name and a note beside every row of a site's table, a name into the
// paths of its studies, and into some rows an age, or a picture of known greys.
func (h *member) plant(s *scene, name, note, age string, greys []byte) {
	h.t.Helper()
	file := house.Folder(h.Dir).Table("patients.csv")
	b, err := os.ReadFile(file)
	s.check(err)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	head := strings.Split(lines[0], ",")
	lines[0] += ",name,note"
	for k := 1; k < len(lines); k++ {
		cells := strings.Split(lines[k], ",")
		if i := slices.IndexFunc(head, func(c string) bool { return strings.HasPrefix(c, "age") }); i >= 0 && k < 6 {
			cells[i] = age
		}
		if i := slices.Index(head, local.StudyColumn); i >= 0 {
			from := filepath.Join(house.Folder(h.Dir).Studies(), cells[i])
			cells[i] = name + " " + cells[i]
			s.check(os.Rename(from, filepath.Join(house.Folder(h.Dir).Studies(), cells[i])))
			im := image.NewGray(image.Rect(0, 0, len(greys), len(greys)))
			for at := range im.Pix {
				im.Pix[at] = greys[at%len(greys)]
			}
			f, err := os.Create(filepath.Join(house.Folder(h.Dir).Studies(), cells[i], "0.png"))
			s.check(err)
			s.check(errors.Join(png.Encode(f, im), f.Close()))
		}
		lines[k] = strings.Join(append(cells, name, note), ",")
	}
	s.check(os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
}

func noRowLeaves(t *testing.T, k kit) {
	t.Helper()
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
	const age = 61.73491
	greys := []byte("MANX planted row") // of a picture that is read as it is
	if k.shares {
		k.recipe = s.onShares(k.recipe)
	}
	id := k.set(s, 24)
	for _, h := range s.sites {
		h.plant(s, name, note, "61.73491", greys)
	}
	told := &capture{}
	for _, h := range s.sites {
		h.start()
	}
	s.sites[0].stop()
	s.sites[0].heard = func(r io.Reader) io.Reader { return io.TeeReader(r, told) }
	s.sites[0].start()
	on := s.await(id, "all rounds", func(on ledger.Training) bool { return !on.Busy && (on.Round == k.rounds || local.Still(on)) })
	if len(on.Versions) != on.Round {
		t.Fatalf("%d versions of %d rounds", len(on.Versions), on.Round)
	}
	length, _ := k.recipe.Kind().Bound()
	masked := 4 * (length + evaluation.Cells) // bytes of an update at least
	if n := len(told.bytes()); n < on.Round*4*masked {
		t.Fatalf("the coordinator was told %d bytes: its updates are not among them", n)
	}
	x := (age - 55) / 15.0
	planted := map[string][]byte{
		"a name": []byte(name), "a note": []byte(note), "an age": []byte("61.73491"),
		"an age in 64 bits":     binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)),
		"an age in 32 bits":     binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x))),
		"an age in 64 bits raw": binary.LittleEndian.AppendUint64(nil, math.Float64bits(age)),
	}
	var wide, narrow []byte
	for _, g := range greys[:4] {
		wide = binary.LittleEndian.AppendUint64(wide, math.Float64bits(float64(g)/255))
		narrow = binary.LittleEndian.AppendUint32(narrow, math.Float32bits(float32(float64(g)/255)))
	}
	planted["a row of a picture"], planted["a row in 64 bits"], planted["a row in 32 bits"] = greys, wide, narrow
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
