package committee_test

import (
	"bytes"
	"testing"

	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/seal"
)

func hidden(v ...float64) privacy.Secret[[]float64] { return privacy.Hide(v) }

func hiddenSeed() privacy.Secret[[32]byte] { return privacy.Hide([32]byte{1}) }

func FuzzCharter(f *testing.F) {
	c := sit(f, he.Shared, 2, 3).charter
	f.Add(c.Bytes())
	f.Add(c.Bytes()[:60])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := committee.ReadCharter(b)
		if err != nil {
			isNotice(t, err)
		} else if !bytes.Equal(c.Bytes(), b) {
			t.Fatal("a charter has two encodings")
		}
	})
}

// FuzzRequests reads orders and commissions of a charter that the fuzzer cannot
// know: its id is put where it belongs.
func FuzzRequests(f *testing.F) {
	c := sit(f, he.Shared, 2, 3).charter
	w, err := c.Commission([]int{1, 3}, he.Needs{{Rotation: 0, Level: 3}, {Rotation: 7, Level: 5}})
	if err != nil {
		f.Fatal(err)
	}
	a, err := c.Audit([]int{1, 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(w.Bytes())
	f.Add(a.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		id := c.ID()
		if len(b) >= 36 {
			copy(b[4:], id[:])
		}
		if w, err := c.ReadCommission(b); err != nil {
			isNotice(t, err)
		} else if !bytes.Equal(w.Bytes(), b) {
			t.Fatal("a commission has two encodings")
		}
		if o, err := c.ReadOrder(b); err != nil {
			isNotice(t, err)
		} else if !bytes.Equal(o.Bytes(), b) {
			t.Fatal("an order has two encodings")
		}
	})
}

// FuzzMessages gives a founding's first step bytes in the place of a member's
// message: an error that names that member or says that nobody is named.
func FuzzMessages(f *testing.F) {
	tb := sit(f, he.Shared, 2, 2)
	first, _, err := committee.Found(tb.charter, tb.identities[0])
	if err != nil {
		f.Fatal(err)
	}
	_, said, err := committee.Found(tb.charter, tb.identities[1])
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(said[0]))
	f.Add([]byte(said[0][:50]))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := committee.Message(b)
		if m.From() == 1 || bytes.Equal(b, said[0]) {
			return // the reader's own are passed over; and the right one is taken
		}
		_, err := first.Next([]committee.Message{m})
		if err == nil {
			t.Fatal("a message nobody signed is taken")
		}
		isNotice(t, err)
	})
}

func FuzzJournal(f *testing.F) {
	f.Add(committee.EntryBytes(committee.Entry{Order: [32]byte{1}, Values: 2, Message: committee.Message("m")}))
	f.Add([]byte("mxj\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := committee.ReadEntry(b)
		if err != nil {
			isNotice(t, err)
		} else if !bytes.Equal(committee.EntryBytes(e), b) {
			t.Fatal("an entry has two encodings")
		}
	})
}

func FuzzKept(f *testing.F) {
	tb := sit(f, he.Shared, 2, 2)
	f.Add([]byte("mxi\x01"))
	f.Add([]byte("mxs\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := committee.ReadIdentity(privacy.Hide(b)); err != nil {
			isNotice(t, err)
		}
		sealed, err := seal.Message(b, tb.identities[0].Seat("one").Sealing)
		if err != nil {
			t.Fatal(err)
		}
		for _, kept := range [][]byte{b, sealed} {
			if _, err := committee.ReadMember(tb.charter, tb.identities[0], kept); err != nil {
				isNotice(t, err)
			}
		}
	})
}
