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
// that has trained again meanwhile, with another result, still sends what it sent.
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
					if err != nil || !bytes.Equal(again, m) {
						t.Fatalf("step %d, site %d: another message after a kill (%v)", step, i, err)
					}
					p.c = before
					w.startHub() // killed before it took the message
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

// After a loss of power a masked vector may be gone. The site then says nothing,
// and the coordinator asks for it again.
func TestVectorsLostWithThePower(t *testing.T) {
	w := newWorld(t, 4, 3, 20)
	w.start()
	lose := 1
	var again []byte
	_, err := w.run(nil, func(step, site int, m []byte) {
		if step == 3 && site == lose {
			again = m
		}
		if step == 5 && site == 3 {
			if err := os.Remove(filepath.Join(w.coordinator.dir, vectorOf(lose))); err != nil {
				t.Fatal(err)
			}
			w.startHub()
		}
	})
	if err == nil {
		t.Fatal("a sum without a vector")
	}
	if got := w.hub.Missing(); len(got) != 1 || got[0] != lose {
		t.Fatalf("missing: %v", got)
	}
	wrong := bytes.Clone(again)
	wrong[len(wrong)-1] ^= 1
	if w.hub.Take(wrong) == nil {
		t.Error("another vector is taken for the one that was lost")
	}
	if err := w.hub.Take(again); err != nil {
		t.Fatal(err)
	}
	s, err := w.hub.Sum()
	if err != nil {
		t.Fatal(err)
	}
	w.expect(s, others(4)...)

	p := w.sites[0]
	told := p.site.said[maskedFrom].in
	for _, damage := range []func(path string) error{
		func(path string) error { return os.WriteFile(path, make([]byte, w.round.Bytes()), 0o600) },
		os.Remove,
	} {
		if err := damage(filepath.Join(p.dir, aside)); err != nil {
			t.Fatal(err)
		}
		w.startSite(0)
		if m, err := p.site.Masked(told, privacy.Hide(p.c)); err == nil {
			t.Errorf("a second masked update of %d bytes", len(m))
		}
	}
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
