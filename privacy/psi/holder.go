package psi

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// Identifier returns the form in which both holders hash an identifier of one
// field or several, such as a name and a date of birth: lower case, spaces
// folded, fields framed.
func Identifier(fields ...string) []byte {
	var b []byte
	for _, f := range fields {
		f = strings.ToLower(strings.Join(strings.Fields(f), " "))
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}

// A Holder is one of the two sides of a session. Its secret and its list never
// leave it and never print. It serves one session, each step once.
type Holder struct {
	session Session
	secret  *ecdh.PrivateKey
	order   []int // what stands at each place of the first message; from count on, nobody
	count   int
	points  []point
}

// NewHolder prepares a list of identifiers, each as Identifier gives it. One that
// comes twice is refused, by its place and not its value. seed is fresh for each
// session and list; the same seed, session and list give the same messages, so
// that an interrupted session goes on.
func NewHolder(s Session, ids [][]byte, seed privacy.Secret[[32]byte]) (*Holder, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if len(ids) == 0 || len(ids) > MaxItems-padTo {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("the list holds no identifiers, or more than %d", MaxItems-padTo), "split the list")
	}
	bound := s.binding()
	secret, noise, err := spread(seed, bound)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]int, len(ids))
	for i, id := range ids {
		if j, twice := seen[string(id)]; twice || len(id) == 0 {
			if len(id) == 0 {
				return nil, notice.New(notice.Invalid, fmt.Sprintf("identifier %d is empty", i+1), "remove rows without one")
			}
			return nil, notice.New(notice.Invalid, fmt.Sprintf("identifiers %d and %d are the same", j+1, i+1), "a list names each once")
		}
		seen[string(id)] = i
	}
	h := &Holder{session: s, secret: secret, count: len(ids)}
	h.order = shuffled((len(ids)+padTo-1)/padTo*padTo, noise)
	c, plain := curve25519(), make([]point, len(h.order))
	for at, i := range h.order {
		if i < len(ids) {
			plain[at] = c.hashed(bound, ids[i])
		} else {
			plain[at] = c.dummy(noise)
		}
	}
	if h.points, err = blind(secret, plain); err != nil {
		return nil, err
	}
	return h, nil
}

// spread makes of a seed the secret that blinds, and noise for the order and the
// points of nobody.
func spread(seed privacy.Secret[[32]byte], session [32]byte) (*ecdh.PrivateKey, io.Reader, error) {
	s := seed.Reveal(reveal.Token{})
	b, err := hkdf.Key(sha256.New, s[:], session[:], "manx/psi/secret/v1", 32)
	if err != nil {
		return nil, nil, fmt.Errorf("derive secret: %w", err)
	}
	key, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return nil, nil, fmt.Errorf("derive secret: %w", err)
	}
	noise := sha3.NewSHAKE256()
	_, _ = noise.Write([]byte("manx/psi/noise/v1"))
	_, _ = noise.Write(s[:])
	_, _ = noise.Write(session[:])
	return key, noise, nil
}

// Blinded returns the message to the other holder.
func (h *Holder) Blinded() []byte {
	return write(h.session, stepBlinded, h.points)
}

// Tags takes the other holder's Blinded message and returns the message to the
// counter.
func (h *Holder) Tags(other []byte) ([]byte, error) {
	in, err := points(h.session, stepBlinded, "the other holder", other)
	if err != nil {
		return nil, err
	}
	own := make(map[point]bool, len(h.points))
	for _, p := range h.points {
		own[p] = true
	}
	for _, p := range in {
		if own[p] {
			return nil, notice.New(notice.Integrity, "the other holder sent back points of yours", "do not go on with it")
		}
	}
	twice, err := blind(h.secret, in)
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the other holder's message holds what is no point of an identifier", "run the session again")
	}
	bound := h.session.binding()
	for i, p := range twice {
		twice[i] = tag(bound, p)
	}
	return write(h.session, stepTags, twice), nil
}

// A Match is an identifier that both hold: its place in the list that NewHolder
// was given, and its key, from 0 up, the same on both sides.
type Match struct{ Item, Key int }

// A Result is what a holder learns.
type Result struct {
	Below   bool    // the overlap is below the session's minimum; nothing else is told
	Count   int     // identifiers that both hold
	Matches []Match // of a join, in order of Key
}

// Result reads the counter's answer.
func (h *Holder) Result(m []byte) (r Result, err error) {
	b, n, err := body(h.session, stepResult, 8, "the counter", m)
	if err != nil {
		return r, err
	}
	wrong := notice.New(notice.Integrity, "the counter's answer contradicts itself or your list", "run the session again with another counter")
	if n == 0 || n > 1+len(h.order) {
		return r, wrong
	}
	count := binary.BigEndian.Uint64(b)
	if count == 0 {
		if n != 1 {
			return r, wrong
		}
		return Result{Below: true}, nil
	}
	if count < uint64(h.session.Minimum) || count > uint64(h.count) || (h.session.Kind == Count) != (n == 1) || h.session.Kind == Join && uint64(n-1) != count {
		return r, wrong
	}
	r.Count = int(count)
	taken := make(map[uint32]bool, n)
	for i := 1; i < n; i++ {
		at, key := binary.BigEndian.Uint32(b[8*i:]), binary.BigEndian.Uint32(b[8*i+4:])
		if int(at) >= len(h.order) || h.order[at] >= h.count || taken[at] || int(key) != i-1 {
			return Result{}, wrong
		}
		taken[at] = true
		r.Matches = append(r.Matches, Match{h.order[at], int(key)})
	}
	return r, nil
}

// Format implements fmt.Formatter: a holder does not print.
func (*Holder) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[psi holder]") }

// LogValue implements slog.LogValuer.
func (*Holder) LogValue() slog.Value { return slog.StringValue("[psi holder]") }

// MarshalText implements encoding.TextMarshaler.
func (*Holder) MarshalText() ([]byte, error) { return []byte("[psi holder]"), nil }
