package trio

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"manx/privacy/mpc"
)

// A Signer signs as a site, with the key that the round has for its place.
type Signer interface {
	Sign(message []byte) []byte // Ed25519
}

// signed is what a site says and its signature, over the word for what it is, too.
type signed struct {
	Said []byte `json:"said"`
	Sig  []byte `json:"sig"`
}

// The words.
const (
	aDealing = "manx/trio-dealing/v1\x00"
	aReady   = "manx/trio-ready/v1\x00"
)

// A dealing is what a site signs of what it dealt.
type dealing struct {
	Round []byte `json:"round"`
	Site  int    `json:"site"`
	Try
	Digests [][mpc.Parties][]byte `json:"digests"` // of the components of each part
}

// A dealt is the message of a site that deals: what it signs, and for each of the
// three its shares of all parts, sealed.
type dealt struct {
	signed
	Sealed [mpc.Parties][]byte `json:"sealed"`
}

// Given is a dealing as one of the three gets it.
type given struct {
	signed
	Sealed []byte `json:"sealed"`
}

// A work is what one of the three computes.
type work struct {
	Try
	Dealt []given `json:"dealt"`
}

// A ready is what one of the three signs when it has its share of a sum.
type ready struct {
	Round []byte `json:"round"`
	Try
	Site    int       `json:"site"`
	Set     []int     `json:"set"`     // whose dealings were computed with, in order
	Session []byte    `json:"session"` // over what each of them signed
	In      []int     `json:"in"`      // who of them is within the bounds
	Digests [2][]byte `json:"digests"` // of the components of its share
	Values  []float64 `json:"values,omitempty"`
}

var errMessage = errors.New("trio: not a message of this round")

func sign(s Signer, word string, said any) (out signed, err error) {
	if out.Said, err = json.Marshal(said); err != nil {
		return out, fmt.Errorf("encode: %w", err)
	}
	out.Sig = s.Sign(append([]byte(word), out.Said...))
	return out, nil
}

// decode reads one JSON value with no field that is unknown.
func decode(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", errMessage, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errMessage
	}
	return nil
}

func verify(key ed25519.PublicKey, word string, s signed) error {
	if !ed25519.Verify(key, append([]byte(word), s.Said...), s.Sig) {
		return fmt.Errorf("%w: not signed by its site", errMessage)
	}
	return nil
}

// readDealing returns what a site has signed of a try.
func (r Round) readDealing(s signed, t Try) (d dealing, err error) {
	if err := decode(s.Said, &d); err != nil {
		return d, err
	}
	if d.Site < 0 || d.Site >= len(r.Sites) || !bytes.Equal(d.Round, r.ID[:]) || d.Try != t || len(d.Digests) != len(r.Parts) {
		return d, errMessage
	}
	return d, verify(r.Sites[d.Site], aDealing, s)
}

// readReady returns what one of the three has signed.
func (r Round) readReady(b []byte) (out ready, err error) {
	var s signed
	if err := decode(b, &s); err != nil {
		return out, err
	}
	if err := decode(s.Said, &out); err != nil {
		return out, err
	}
	if err := r.check(out.Try); err != nil {
		return out, err
	}
	sites := func(all []int, of func(int) bool) bool {
		return len(all) >= r.Threshold && slices.IsSorted(all) && len(slices.Compact(slices.Clone(all))) == len(all) && !slices.ContainsFunc(all, func(p int) bool { return !of(p) })
	}
	switch {
	case out.party(out.Site) < 0 || !bytes.Equal(out.Round, r.ID[:]):
		return out, errMessage
	case !sites(out.Set, func(p int) bool { return p >= 0 && p < len(r.Sites) }) || !sites(out.In, func(p int) bool { return slices.Contains(out.Set, p) }):
		return out, errMessage
	}
	return out, verify(r.Sites[out.Site], aReady, s)
}

// readAgreed returns what all three have signed alike, by party.
func (r Round) readAgreed(all [mpc.Parties][]byte) (out [mpc.Parties]ready, err error) {
	for _, b := range all {
		x, err := r.readReady(b)
		if err != nil {
			return out, err
		}
		out[x.party(x.Site)] = x
	}
	for i, x := range out {
		first, next := out[0], out[(i+1)%mpc.Parties]
		if x.Number == 0 || x.Try != first.Try || !slices.Equal(x.Set, first.Set) || !bytes.Equal(x.Session, first.Session) || !slices.Equal(x.In, first.In) ||
			!slices.Equal(x.Values, first.Values) || !bytes.Equal(x.Digests[1], next.Digests[0]) {
			return out, fmt.Errorf("%w: the three do not say the same", errMessage)
		}
	}
	return out, nil
}

// A Told is what the three that computed say together of a round, which anybody who
// knows the sites' keys can check.
type Told struct {
	In     []int     // whose updates are in the sum
	Out    []int     // whose were beyond their bounds
	Values []float64 // what was measured on shares and opened
}

// Tell returns what three signed messages of a round tell.
func (r Round) Tell(all [mpc.Parties][]byte) (t Told, err error) {
	agreed, err := r.readAgreed(all)
	if err != nil {
		return t, err
	}
	t.In, t.Values = agreed[0].In, agreed[0].Values
	for _, p := range agreed[0].Set {
		if !slices.Contains(t.In, p) {
			t.Out = append(t.Out, p)
		}
	}
	return t, nil
}
