package secagg

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"manx/privacy"
)

// Every side is killed before and after each message, and begun again from its
// journal: what it says is the same to the byte, and the sum is the sum. A hospital
// that has trained again meanwhile, with another result, sends no second update.
func TestInvariant8_ARoundGoesOnAfterAnyKill(t *testing.T) {
	plain := newWorld(t, 4, 3, 20)
	want := map[string][]byte{}
	play := func(kill int) { // which message's sender, and the coordinator, are killed
		w := newWorld(t, 4, 3, 20)
		w.round, w.coordinator.account, w.coordinator.seed = plain.round, plain.coordinator.account, plain.coordinator.seed
		for i := range w.sites {
			w.sites[i].account, w.sites[i].seed, w.sites[i].c = plain.sites[i].account, plain.sites[i].seed, plain.sites[i].c
		}
		w.start()
		told, count := map[int][]byte{}, 0
		for step := 1; step <= 5; step++ {
			for i, p := range w.sites {
				if i == 2 && step > 2 {
					continue // it is gone for good
				}
				m, err := p.answer(step, told[i])
				if err != nil {
					t.Fatal(err)
				}
				if count == kill {
					w.startSite(i)
					before := p.c
					p.c.Values = make([]float64, len(before.Values))
					again, err := p.answer(step, told[i])
					if step == 3 {
						if err == nil {
							t.Fatalf("site %d: a second update behind the masks of the first", i)
						}
						p.c = before
						again, err = p.answer(step, told[i])
					}
					if err != nil || !bytes.Equal(again, m) {
						t.Fatalf("step %d, site %d: another message after a kill (%v)", step, i, err)
					}
					p.c = before
					w.startHub() // killed before it took the message
					w.refill()
				}
				if name := fmt.Sprint(step, i); want[name] == nil {
					want[name] = m
				} else if !bytes.Equal(want[name], m) {
					t.Fatalf("kill at %d: message %s is another than without", kill, name)
				}
				if err := w.hub.Take(m); err != nil {
					t.Fatal(err)
				}
				if count == kill {
					w.startHub() // and after
					w.refill()
					if err := w.hub.Take(m); err != nil {
						t.Fatal(err)
					}
				}
				count++
			}
			if step == 5 {
				break
			}
			var err error
			if told, err = w.hub.Close(); err != nil {
				t.Fatal(err)
			}
			if count == kill+1 || kill == -2 {
				w.startHub() // killed before it told anybody
				w.refill()
				for i, m := range w.hub.Told() {
					if !bytes.Equal(m, told[i]) {
						t.Fatalf("step %d: the coordinator tells site %d something else after a kill", step, i)
					}
				}
			}
		}
		s, err := w.hub.Sum()
		if err != nil {
			t.Fatal(err)
		}
		w.expect(s, 0, 1, 3)
	}
	play(-1)
	play(-2)
	for kill := range 17 {
		play(kill)
	}
}

// refill sends the coordinator again what it lost when it was killed.
func (w *world) refill() {
	w.t.Helper()
	for i, told := range w.hub.Again() {
		m, err := w.sites[i].site.Masked(told, privacy.Hide(w.sites[i].c))
		if err == nil {
			err = w.hub.Take(m)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// A coordinator that was killed has no sum until it has the updates again, and takes
// none but those that it had.
func TestUpdatesAreAskedForAgain(t *testing.T) {
	w := newWorld(t, 4, 3, 20)
	w.start()
	var last []byte
	if _, err := w.run(nil, func(step, site int, m []byte) {
		if step == 3 {
			last = m
		}
		if step == 5 && site == 3 {
			w.startHub()
		}
	}); err == nil {
		t.Fatal("a sum without updates")
	}
	if got := w.hub.Missing(); len(got) != 4 {
		t.Fatalf("missing: %v", got)
	}
	wrong := bytes.Clone(last)
	wrong[len(wrong)-1] ^= 1
	if w.hub.Take(wrong) == nil {
		t.Error("another update is taken for the one that was lost")
	}
	w.refill()
	s, err := w.hub.Sum()
	if err != nil {
		t.Fatal(err)
	}
	w.expect(s, others(4)...)
}

// What a crash cut short at the end of a journal was never said; damage before
// that, another seed and another round are told.
func TestDamagedJournals(t *testing.T) {
	w := newWorld(t, 4, 3, 20)
	w.start()
	var first []byte
	if _, err := w.run(nil, func(step, site int, m []byte) {
		if step == 2 && site == 0 {
			first = m
		}
	}); err != nil {
		t.Fatal(err)
	}
	p := w.sites[0]
	told := p.site.said[sharesFrom].in
	path := filepath.Join(p.dir, "journal")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin := func(b []byte) (*Site, error) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "journal"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := OpenFiles(dir)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return NewSite(w.round, p.account, p.seed, f)
	}
	cut := recordHead + 5 + keysSize // the first record
	for end := range cut + 40 {
		s, err := begin(whole[:end])
		if err != nil {
			t.Fatalf("cut at %d: %v", end, err)
		}
		if said := len(s.said); said > 1 || (said == 1) != (end >= cut) {
			t.Fatalf("cut at %d: %d records", end, said)
		}
	}
	bad := bytes.Clone(whole)
	bad[50] ^= 1
	if _, err := begin(bad); err == nil {
		t.Error("a damaged record before others is passed over")
	}
	w.round.ID[5] = 1
	if _, err := begin(whole); err == nil {
		t.Error("a journal of another round is taken")
	}
	w.round.ID[5] = 0
	p.seed = NewSeed()
	if _, err := begin(whole); err == nil {
		t.Error("a journal is taken with another seed")
	}
	w2 := p.site
	if m, err := w2.Shares(told); err != nil || !bytes.Equal(m, first) {
		t.Error("the second message changed")
	}
}
