package secagg

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// standing returns worlds that wait before each step, 1 to 5, with what the
// coordinator tells site 1 there.
func standing(t testing.TB) (w [6]*world, told [6][]byte) {
	for step := 1; step <= 5; step++ {
		w[step] = newWorld(t, 3, 3, 4)
		w[step].start()
		told[step] = w[step].until(step)[1]
	}
	return w, told
}

// Whatever bytes come at whatever step, none but the true message is taken, but for
// shares that do not open: an error, never a panic. With resign they come with the signatures that they need,
// so that what is behind those is tried too.
func FuzzMessages(f *testing.F) {
	w, told := standing(f)
	f.Add(uint8(0), false, []byte("mxa\x01"))
	for step := 2; step <= 5; step++ {
		f.Add(uint8(step-1), false, told[step])
		f.Add(uint8(step-1), true, told[step][:len(told[step])-1])
	}
	f.Fuzz(func(t *testing.T, at uint8, resign bool, m []byte) {
		step := int(at)%5 + 1
		p, hub := w[step].sites[1], w[step].hub
		if resign {
			_ = p.site.read(kind(step), signed(w[step].coordinator.account, bytes.Clone(m)))
			_, _ = hub.check(signed(p.account, bytes.Clone(m)))
			return
		}
		if step == 3 { // what is sealed may be anything: a share that does not open is done without
			const front = headSize + 1
			if p.site.read(maskedFrom, m) == nil && (len(m) != len(told[3]) || !bytes.Equal(m[:front], told[3][:front])) {
				t.Error("a site takes shares of others than the coordinator said")
			}
		} else if step > 1 && !bytes.Equal(m, told[step]) {
			if _, err := p.answer(step, m); err == nil {
				t.Errorf("step %d: a site takes what the coordinator did not say", step)
			}
		}
		if err := hub.Take(m); err == nil {
			t.Errorf("step %d: the coordinator takes what no site said", step)
		}
	})
}

// A journal of any bytes is a journal, or an error; a round that resumes from it
// says nothing that its seed would not have said.
func FuzzJournal(f *testing.F) {
	w := newWorld(f, 3, 3, 4)
	w.start()
	if _, err := w.run(nil, nil); err != nil {
		f.Fatal(err)
	}
	for _, p := range []*party{w.sites[0], &w.coordinator} {
		b, err := os.ReadFile(filepath.Join(p.dir, "journal"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	keys, err := w.sites[0].site.Keys()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		records, whole, err := readRecords(b)
		if err != nil {
			return
		}
		if whole > len(b) {
			t.Fatal("records beyond the end")
		}
		j := listed(records)
		if s, err := NewSite(w.round, w.sites[0].account, w.sites[0].seed, &j); err == nil {
			if m, err := s.Keys(); err != nil || !bytes.Equal(m, keys) {
				t.Fatal("other keys")
			}
		}
		j = listed(records)
		if c, err := NewCoordinator(w.round, w.coordinator.account, w.coordinator.seed, &j); err == nil {
			_, _ = c.Sum()
		}
	})
}

// listed is a Journal in memory, of records that are there.
type listed [][]byte

func (l *listed) Append(r []byte) error      { *l = append(*l, bytes.Clone(r)); return nil }
func (l *listed) Sync() error                { return nil }
func (l *listed) Records() ([][]byte, error) { return *l, nil }
