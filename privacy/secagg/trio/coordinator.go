package trio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"manx/privacy/mpc"
)

// A Dealing is a site's message of a try, as the coordinator has it.
type Dealing struct{ m dealt }

// ReadDealing reads what the site at a place deals in a try. The coordinator cannot
// open it.
func (r Round) ReadDealing(b []byte, t Try, place int) (Dealing, error) {
	var m dealt
	if err := decode(b, &m); err != nil {
		return Dealing{}, err
	}
	d, err := r.readDealing(m.signed, t)
	if err == nil && d.Site != place {
		err = errMessage
	}
	return Dealing{m}, err
}

// Work is what the site at a place is to compute, which is one of the three, on the
// dealings of some sites by place.
func (r Round) Work(t Try, place int, of map[int]Dealing) ([]byte, error) {
	me := t.party(place)
	if me < 0 {
		return nil, errMessage
	}
	w := work{Try: t}
	for site := range r.Sites {
		if d, ok := of[site]; ok {
			w.Dealt = append(w.Dealt, given{d.m.signed, d.m.Sealed[me]})
		}
	}
	return json.Marshal(w)
}

// Ready returns which of the three says so, if it is one of a try's.
func (r Round) Ready(b []byte, t Try, place int) (party int, err error) {
	x, err := r.readReady(b)
	if err == nil && (x.Try != t || x.Site != place) {
		err = errMessage
	}
	return x.party(place), err
}

// Share refuses a share that is not what one of the three has signed.
func (r Round) Share(said, b []byte) error {
	x, err := r.readReady(said)
	if err == nil {
		_, err = r.share(x, b)
	}
	return err
}

func (r Round) share(said ready, b []byte) (s mpc.Share, err error) {
	if s, err = mpc.ReadShare(b, said.party(said.Site), r.values()); err != nil {
		return s, err
	}
	if has := s.Digests(); !bytes.Equal(has[0][:], said.Digests[0]) || !bytes.Equal(has[1][:], said.Digests[1]) {
		return s, errMessage
	}
	return s, nil
}

// Join makes the sum of what the three have signed alike and of two of their shares
// or three, by party; nil is none. A share that is not what was signed is left out, and
// an error where fewer than two are left.
func (r Round) Join(all [mpc.Parties][]byte, shares [mpc.Parties][]byte) (sum Sum, err error) {
	said, err := r.readAgreed(all)
	if err != nil {
		return sum, err
	}
	var good []mpc.Share
	var bad []error
	for i, b := range shares {
		if b == nil {
			continue
		}
		s, err := r.share(said[i], b)
		if err != nil {
			bad = append(bad, fmt.Errorf("site %d: %w", said[i].Site, err))
			continue
		}
		good = append(good, s)
	}
	if len(good) < 2 {
		return sum, errors.Join(append(bad, errMessage)...)
	}
	values, err := mpc.Join(good...)
	if err != nil {
		return sum, err
	}
	told, err := r.Tell(all)
	if err != nil {
		return sum, err
	}
	sum.Sites, sum.Out = told.In, told.Out
	for i, p := range r.Parts {
		part, err := r.layout(i, len(sum.Sites)).Read(values[:1+p.Length])
		if err != nil {
			return sum, err
		}
		sum.Parts, values = append(sum.Parts, part), values[1+p.Length:]
	}
	return sum, nil
}

// Trio returns the three that compute in a try: the first of the pool that are there.
func (r Round) Trio(number int, there func(place int) bool) (t Try, ok bool) {
	t.Number = number
	n := 0
	for _, p := range r.Pool {
		if n < mpc.Parties && there(p) {
			t.Trio[n] = p
			n++
		}
	}
	slices.Sort(t.Trio[:n])
	return t, n == mpc.Parties
}
