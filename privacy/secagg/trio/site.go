package trio

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/privacy/secagg/bounded"
)

// Deal is what a site at a place deals in a try: one update for each part, sealed to
// the three that compute. The same update may be dealt again in another try. One
// beyond its bound is refused here, as it would be left out there.
func (r Round) Deal(t Try, place int, as Signer, to [mpc.Parties]seal.Recipient, updates privacy.Secret[[]bounded.Update]) ([]byte, error) {
	return r.deal(t, place, as, to, func(part int) ([mpc.Parties][]byte, [mpc.Parties][32]byte, error) {
		all := updates.Reveal(reveal.Token{})
		if len(all) != len(r.Parts) {
			return [mpc.Parties][]byte{}, [mpc.Parties][32]byte{}, fmt.Errorf("trio: %d updates for %d parts", len(all), len(r.Parts))
		}
		return r.layout(part, len(r.Sites)).Deal(privacy.Hide(all[part]))
	})
}

func (r Round) deal(t Try, place int, as Signer, to [mpc.Parties]seal.Recipient, part func(int) ([mpc.Parties][]byte, [mpc.Parties][32]byte, error)) ([]byte, error) {
	if err := errors.Join(r.Check(), r.check(t)); err != nil {
		return nil, err
	}
	said := dealing{Round: r.ID[:], Site: place, Try: t}
	var plain [mpc.Parties][]byte
	for i := range r.Parts {
		shares, digests, err := part(i)
		if err != nil {
			return nil, err
		}
		var of [mpc.Parties][]byte
		for k := range shares {
			plain[k] = append(binary.LittleEndian.AppendUint32(plain[k], uint32(len(shares[k]))), shares[k]...)
			of[k] = digests[k][:]
		}
		said.Digests = append(said.Digests, of)
	}
	var out dealt
	var err error
	for k := range plain {
		if out.Sealed[k], err = seal.Message(plain[k], to[k]); err != nil {
			return nil, err
		}
	}
	if out.signed, err = sign(as, aDealing, said); err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// An Opener opens what is sealed to a site.
type Opener interface {
	OpenMessage(sealed []byte) ([]byte, error)
}

// UnusableError says whose dealings cannot be computed with.
type UnusableError struct{ Sites []int }

// Error implements error.
func (e *UnusableError) Error() string {
	return fmt.Sprintf("trio: what the sites at %v dealt is not what they signed", e.Sites)
}

// ErrTooFew says: of too few sites the updates are within the bounds.
var ErrTooFew = errors.New("trio: too few sites are within the bounds")

// A Computer is one of the three that compute.
type Computer struct {
	Place int
	Signer
	Opener
	// Connect reaches the other two, by place, for a session: the next and the previous.
	Connect func(ctx context.Context, session [32]byte, next, previous int) (n, p net.Conn, err error)
	// Measure, where it is not nil, measures on shares of the first part what all three
	// open, alike at all three.
	Measure  func(s *mpc.Session, first *bounded.Admitted) ([]float64, error)
	Patience time.Duration
}

// Compute adds what the sites dealt that are within their bounds, together with the
// other two. It returns what the three sign and, secret, the party's own share of the
// sum. A try is computed once: who was killed in it begins no session of it again.
// What cannot be opened is an UnusableError.
func (r Round) Compute(ctx context.Context, c Computer, message []byte) (said []byte, own privacy.Secret[[]byte], err error) {
	var w work
	if err := errors.Join(decode(message, &w), r.Check(), r.check(w.Try)); err != nil {
		return nil, own, err
	}
	me := w.party(c.Place)
	if me < 0 {
		return nil, own, errMessage
	}
	set, all, inputs, err := r.open(w, me, c.Opener)
	if err != nil {
		return nil, own, err
	}
	id := r.session(w.Try, all)
	next, previous, err := c.Connect(ctx, id, w.Trio[(me+1)%mpc.Parties], w.Trio[(me+2)%mpc.Parties])
	if err != nil {
		return nil, own, err
	}
	s, err := mpc.Open(ctx, mpc.Config{Session: id, Party: me, Next: next, Previous: previous, Security: mpc.WithAbort, Patience: c.Patience})
	if err != nil {
		return nil, own, err
	}
	in, values, out, err := r.run(s, c, len(set), inputs)
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, own, err
	}
	first, more := inputs[0][0], []mpc.Share(nil)
	for i := range inputs {
		more = append(more, inputs[i]...)
	}
	out = out.Blind(id[:], first, more[1:]...)
	digests := out.Digests()
	ready := ready{Round: r.ID[:], Try: w.Try, Site: c.Place, Set: set, Session: id[:], Digests: [2][]byte{digests[0][:], digests[1][:]}, Values: values}
	for _, k := range in {
		ready.In = append(ready.In, set[k])
	}
	share, err := out.MarshalBinary()
	if err != nil {
		return nil, own, err
	}
	signed, err := sign(c.Signer, aReady, ready)
	if err != nil {
		return nil, own, err
	}
	said, err = json.Marshal(signed)
	return said, privacy.Hide(share), err
}

// open returns who dealt, what each signed, and the party's shares by part and site.
func (r Round) open(w work, me int, as Opener) (set []int, all []signed, inputs [][]mpc.Share, err error) {
	inputs = make([][]mpc.Share, len(r.Parts))
	var bad []int
	for _, g := range w.Dealt {
		d, err := r.readDealing(g.signed, w.Try)
		if err != nil {
			return nil, nil, nil, err
		}
		if len(set) > 0 && d.Site <= set[len(set)-1] {
			return nil, nil, nil, errMessage // twice, or in another order
		}
		set, all = append(set, d.Site), append(all, g.signed)
		shares, err := r.shares(d, g.Sealed, me, as)
		if err != nil {
			bad = append(bad, d.Site)
			continue
		}
		for i, s := range shares {
			inputs[i] = append(inputs[i], s)
		}
	}
	switch {
	case len(set) < r.Threshold:
		return nil, nil, nil, ErrTooFew
	case len(bad) > 0:
		return nil, nil, nil, &UnusableError{bad}
	}
	return set, all, inputs, nil
}

// shares opens what a site has dealt to a party, and compares it with what it signed.
func (r Round) shares(d dealing, sealed []byte, me int, as Opener) (all []mpc.Share, err error) {
	plain, err := as.OpenMessage(sealed)
	if err != nil {
		return nil, err
	}
	for i := range r.Parts {
		if len(plain) < 4 || uint64(binary.LittleEndian.Uint32(plain)) > uint64(len(plain)-4) {
			return nil, errMessage
		}
		n := int(binary.LittleEndian.Uint32(plain))
		s, err := mpc.ReadSeeds(plain[4:4+n], me, r.layout(i, len(r.Sites)).Values())
		if err != nil {
			return nil, err
		}
		has := s.Digests()
		if !bytes.Equal(has[0][:], d.Digests[i][me]) || !bytes.Equal(has[1][:], d.Digests[i][(me+1)%mpc.Parties]) {
			return nil, errMessage
		}
		all, plain = append(all, s), plain[4+n:]
	}
	if len(plain) > 0 {
		return nil, errMessage
	}
	return all, nil
}

// run is the session: who is in, what was measured, and the share of the sum of all
// parts.
func (r Round) run(s *mpc.Session, c Computer, sites int, inputs [][]mpc.Share) (in []int, values []float64, out mpc.Share, err error) {
	var parts []*bounded.Admitted
	for i := range r.Parts {
		a, err := r.layout(i, sites).Admit(s, inputs[i])
		if err != nil {
			return nil, nil, out, err
		}
		parts = append(parts, a)
	}
	for _, a := range parts {
		for _, b := range parts {
			a.Only(b.In())
		}
	}
	if in = parts[0].In(); len(in) < r.Threshold {
		return nil, nil, out, ErrTooFew
	}
	if c.Measure != nil {
		if values, err = c.Measure(s, parts[0]); err != nil {
			return nil, nil, out, err
		}
	}
	var shares []mpc.Share
	for _, a := range parts {
		x, err := a.Output(s, mpc.Share{})
		if err != nil {
			return nil, nil, out, err
		}
		shares = append(shares, x)
	}
	out, err = mpc.Concat(shares...)
	return in, values, out, err
}

// Bound returns the sites whose sum a site that computes is ready to tell, by what it
// signed: it signs no other set in the round.
func (r Round) Bound(said []byte) ([]int, error) {
	x, err := r.readReady(said)
	return x.Set, err
}

// MayTell refuses to tell a share where not all three have signed what the site has.
func (r Round) MayTell(own []byte, all [mpc.Parties][]byte) error {
	if _, err := r.readAgreed(all); err != nil {
		return err
	}
	if !slices.ContainsFunc(all[:], func(b []byte) bool { return bytes.Equal(b, own) }) {
		return notice.New(notice.Integrity, "the coordinator asks for another sum than this site has computed", "leave the training: `manx train stop`")
	}
	return nil
}

// Set returns whose dealings a work is of, by place, before anything is opened.
func (r Round) Set(message []byte) (set []int, err error) {
	var w work
	if err := decode(message, &w); err != nil {
		return nil, err
	}
	for _, g := range w.Dealt {
		d, err := r.readDealing(g.signed, w.Try)
		if err != nil {
			return nil, err
		}
		set = append(set, d.Site)
	}
	return set, nil
}
