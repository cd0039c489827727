package committee

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
	"manx/privacy/notice"
)

// A Commission asks members for the evaluation keys that a plan needs. Each is a
// new one, with uniform halves that nobody used before: a member that falls away
// costs a new commission, never an old one answered by others.
//
// Encoded, version 1: "mxw" 1, the charter's id, the session, the active
// members (count, then a byte each), the needs (count, then rotation, 32 bits,
// and level each).
type Commission struct {
	charter *Charter
	session [32]byte
	active  []int
	needs   ckks.Needs
	id      [32]byte
}

// maxKeys bounds the keys of one commission.
const maxKeys = 255

// Commission returns a fresh one for members of the charter.
func (c *Charter) Commission(active []int, needs ckks.Needs) (*Commission, error) {
	w := &Commission{charter: c, session: fresh(), active: slices.Clone(active), needs: slices.Clone(needs)}
	return w, w.check()
}

func (w *Commission) check() error {
	if err := w.charter.active(w.active); err != nil {
		return err
	}
	if err := w.needs.Check(w.charter.set); err != nil || len(w.needs) > maxKeys || len(w.needs) == 0 {
		return notice.Because(err, notice.Invalid, "a committee makes 1 to 255 evaluation keys of its set at once", "ask for the keys that a plan needs")
	}
	w.id = digest("commission", w.Bytes())
	return nil
}

// Bytes returns the commission's one encoding.
func (w *Commission) Bytes() []byte {
	b := append([]byte{'m', 'x', 'w', 1}, w.charter.id[:]...)
	b = appendActive(append(b, w.session[:]...), w.active)
	b = append(b, byte(len(w.needs)))
	for _, n := range w.needs {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(n.Rotation)), byte(n.Level))
	}
	return b
}

func appendActive(b []byte, active []int) []byte {
	b = append(b, byte(len(active)))
	for _, m := range active {
		b = append(b, byte(m))
	}
	return b
}

// begun is how commissions and orders begin: magic, charter, session, members.
func (c *Charter) begun(b []byte, magic string) (session [32]byte, active []int, rest []byte, err error) {
	bad := notice.New(notice.Invalid, "not a request to this committee", "ask under the charter that is now")
	if len(b) < 69 || string(b[:3]) != magic || b[3] != 1 || [32]byte(b[4:36]) != c.id || len(b) < 69+int(b[68]) {
		return session, nil, nil, bad
	}
	for _, m := range b[69 : 69+int(b[68])] {
		active = append(active, int(m))
	}
	return [32]byte(b[36:68]), active, b[69+int(b[68]):], nil
}

// ReadCommission reads what Bytes gave, from a stranger.
func (c *Charter) ReadCommission(b []byte) (*Commission, error) {
	session, active, rest, err := c.begun(b, "mxw")
	if err != nil {
		return nil, err
	}
	w := &Commission{charter: c, session: session, active: active}
	if len(rest) < 1 || len(rest) != 1+5*int(rest[0]) {
		return nil, notice.New(notice.Invalid, "not a commission of evaluation keys", "ask for the keys again")
	}
	for at := 1; at < len(rest); at += 5 {
		w.needs = append(w.needs, ckks.Need{Rotation: int(binary.LittleEndian.Uint32(rest[at:])), Level: int(rest[at+4])})
	}
	return w, w.check()
}

// public returns the seed of all uniform halves.
func (w *Commission) public() [32]byte { return digest("uniform halves", w.id[:]) }

// relin returns which of the needs is relinearisation, which takes a second round; -1 for none.
func (w *Commission) relin() int {
	return slices.IndexFunc(w.needs, func(n ckks.Need) bool { return n.Rotation == 0 })
}

// size returns the bytes of a member's share of a key, in the first round.
func (w *Commission) size(r *ring, n ckks.Need) int {
	polys := r.set.Digits(n.Level)
	if n.Rotation == 0 {
		polys *= 2
	}
	return polys * int(limb.Size(pick(r.primes, r.keys(n.Level)), r.n))
}

// A maker is a member at work on a commission.
type maker struct {
	*share
	w    *Commission
	mine [][]uint64 // the member's additive share
}

func (m *Member) maker(w *Commission) (_ *maker, release func(), err error) {
	if w.charter.id != m.charter.id {
		return nil, nil, notice.New(notice.Invalid, "not a request to this committee", "ask under the charter that is now")
	}
	if !slices.Contains(w.active, m.number) {
		return nil, nil, notice.New(notice.Denied, "the request names other members to serve", "ask those")
	}
	s, release, err := m.held()
	if err != nil {
		return nil, nil, err
	}
	return &maker{s, w, s.weighed(s.poly, m.number, w.active)}, release, nil
}

// errors draws one error polynomial for a digit of a key.
func (k *maker) errors(use string, n ckks.Need, digit int) []int64 {
	e := make([]int64, k.n)
	limb.NewStream(k.drawn(use, k.w.id, uint64(n.Rotation), uint64(n.Level), uint64(digit))).Noise(e)
	return e
}

// Promise returns this member's word, for all, what its first share of the
// relinearisation key will be: a digest. Members show theirs only when they have
// everybody's, for in the second round each multiplies the first round's sums by
// its secret: who could choose her share by the others' would choose what with.
func (m *Member) Promise(w *Commission) (Message, error) {
	k, release, err := m.maker(w)
	if err != nil {
		return nil, err
	}
	defer release()
	i := w.relin()
	if i < 0 {
		return nil, noRelin()
	}
	body, err := k.first(w.needs[i])
	if err != nil {
		return nil, err
	}
	sum := digest("promise", body)
	return m.identity.write(stepPromise, i, m.number, 0, w.id, sum[:]), nil
}

func noRelin() error {
	return notice.New(notice.Invalid, "the commission asks for no relinearisation key", "there is no second round")
}

// promised reads all active members' promises.
func (w *Commission) promised(promises []Message) (map[int][]byte, [32]byte, error) {
	got, err := expectation{charter: w.charter, step: stepPromise, session: w.id, from: w.active, part: w.relin(), size: 32}.read(promises)
	if err != nil {
		return nil, [32]byte{}, err
	}
	parts := [][]byte{w.id[:]}
	for _, m := range w.active {
		parts = append(parts, got[m])
	}
	return got, digest("promises", parts...), nil
}

// Forge returns this member's shares of the keys, one message a key, for all.
// Asked again it gives the same bytes. Where relinearisation is asked for,
// promises are all active members', and the journal keeps which: no other are
// taken afterwards, Conflict.
func (m *Member) Forge(w *Commission, promises []Message, j Journal) ([]Message, error) {
	k, release, err := m.maker(w)
	if err != nil {
		return nil, err
	}
	defer release()
	if w.relin() >= 0 {
		_, sum, err := w.promised(promises)
		if err != nil {
			return nil, err
		}
		if err := j.Write(w.session, Entry{Order: sum}); err != nil && !errors.Is(err, ErrTaken) {
			return nil, err
		}
		if err := w.kept(sum, j); err != nil {
			return nil, err
		}
	}
	var out []Message
	for i, n := range w.needs {
		body, err := k.first(n)
		if err != nil {
			return nil, err
		}
		out = append(out, m.identity.write(stepKey, i, m.number, 0, w.id, body))
	}
	return out, nil
}

// kept refuses other promises than those that the journal has.
func (w *Commission) kept(sum [32]byte, j Journal) error {
	e, ok, err := j.Read(w.session)
	if err != nil {
		return err
	}
	if !ok || e.Order != sum {
		return notice.New(notice.Conflict, "this member showed its share upon other promises", "begin a new commission")
	}
	return nil
}

// first makes a share of a key. Of a rotation's: for each digit -a s' + e + P s
// modulo the digit's primes, s' being s turned back. Of relinearisation's: for
// each digit -u a + P s + e, and s a + e', u being a ternary secret of the
// session's (Mouchet et al. 2021, protocol RKG).
func (k *maker) first(n ckks.Need) ([]byte, error) {
	at := k.keys(n.Level)
	ms, primes, mine := pick(k.moduli, at), pick(k.primes, at), pick(k.mine, at)
	held := transformed(ms, mine)
	var target [][]uint64
	if n.Rotation == 0 {
		target = transformed(ms, k.ephemeral(n, primes))
	} else {
		back, err := rns.NewTurn(k.n, k.back(n.Rotation))
		if err != nil {
			return nil, err
		}
		target = limb.New(len(ms), k.n)
		for i, m := range ms {
			m.Permute(target[i], held[i], back)
		}
	}
	var out []byte
	a, b := limb.New(len(ms), k.n), limb.New(len(ms), k.n)
	for d := range k.set.Digits(n.Level) {
		limb.Expand(ckks.KeySeed(k.w.public(), n, d), primes, a)
		product(ms, a, target, b)
		for i, m := range ms {
			m.Scale(b[i], b[i], m.Scalar(m.Q-1))
		}
		limb.AddSmall(b, k.errors("key, errors", n, d), primes)
		for i := d * k.special; i < min((d+1)*k.special, n.Level+1); i++ {
			ms[i].ScaleAdd(b[i], mine[i], ms[i].Scalar(ms[i].Product(k.primes[len(k.primes)-k.special:]...)))
		}
		out = packed(out, primes, b)
		if n.Rotation == 0 {
			product(ms, a, held, b)
			limb.AddSmall(b, k.errors("relinearisation, errors", n, d), primes)
			out = packed(out, primes, b)
		}
	}
	return out, nil
}

// ephemeral draws the session's ternary secret.
func (k *maker) ephemeral(n ckks.Need, primes []uint64) [][]uint64 {
	small := make([]int64, k.n)
	limb.NewStream(k.drawn("relinearisation, secret", k.w.id, uint64(n.Level))).Ternary(small)
	u := limb.New(len(primes), k.n)
	limb.Lift(small, primes, u)
	return u
}

// back returns the power of X that undoes a rotation to the left.
func (r *ring) back(rotation int) uint64 {
	g := uint64(1)
	for range r.n/2 - rotation {
		g = g * 5 & uint64(2*r.n-1)
	}
	return g
}

// Relinearise returns this member's second share of the relinearisation key, of
// all active members' promises and first messages, which must fit: for each digit
// s h0 + (u - s) h1 + e, h0 and h1 being the sums of the first round's halves.
func (m *Member) Relinearise(w *Commission, promises, in []Message, j Journal) (Message, error) {
	k, release, err := m.maker(w)
	if err != nil {
		return nil, err
	}
	defer release()
	i := w.relin()
	if i < 0 {
		return nil, noRelin()
	}
	promised, sum, err := w.promised(promises)
	if err != nil {
		return nil, err
	}
	if err := w.kept(sum, j); err != nil {
		return nil, err
	}
	n := w.needs[i]
	sums, err := w.sums(k.ring, n, promised, slices.DeleteFunc(slices.Clone(in), func(x Message) bool { return len(x) > 5 && int(x[5]) != i }))
	if err != nil {
		return nil, err
	}
	at := k.keys(n.Level)
	ms, primes, mine := pick(k.moduli, at), pick(k.primes, at), pick(k.mine, at)
	u := k.ephemeral(n, primes)
	for l, x := range ms {
		x.Sub(u[l], u[l], mine[l])
	}
	held, less := transformed(ms, mine), transformed(ms, u)
	var out []byte
	b, t := limb.New(len(ms), k.n), limb.New(len(ms), k.n)
	for d := range k.set.Digits(n.Level) {
		product(ms, sums[2*d], held, b)
		product(ms, sums[2*d+1], less, t)
		add(ms, b, t)
		e := make([]int64, k.n)
		limb.NewStream(limb.Derive(k.drawn("second round, errors", w.id, uint64(d)), "of", numbersOf(sum)...)).Noise(e)
		limb.AddSmall(b, e, primes)
		out = packed(out, primes, b)
	}
	return m.identity.write(stepRelin, i, m.number, 0, w.id, out), nil
}

// sums adds up all active members' first messages for one key: its polynomials
// in their order. promised, where not nil, has the digests they must have.
func (w *Commission) sums(r *ring, n ckks.Need, promised map[int][]byte, in []Message) ([][][]uint64, error) {
	return w.add(r, n, stepKey, slices.Index(w.needs, n), w.size(r, n), promised, in)
}

// add adds up the polynomials of a step's messages.
func (w *Commission) add(r *ring, n ckks.Need, s step, part, size int, promised map[int][]byte, in []Message) (total [][][]uint64, err error) {
	bodies, err := expectation{charter: w.charter, step: s, session: w.id, from: w.active, part: part, size: size}.read(in)
	if err != nil {
		return nil, err
	}
	at := r.keys(n.Level)
	ms, primes := pick(r.moduli, at), pick(r.primes, at)
	each := int(limb.Size(primes, r.n))
	total = make([][][]uint64, size/each)
	for p := range total {
		total[p] = limb.New(len(ms), r.n)
	}
	var faults Faults
	t := limb.New(len(ms), r.n)
	for _, from := range w.active {
		if sum := digest("promise", bodies[from]); promised != nil && !bytes.Equal(promised[from], sum[:]) {
			faults = append(faults, w.charter.fault(from, "showed another share than it had promised"))
			continue
		}
		body := bytes.NewReader(bodies[from])
		for p := range total {
			if limb.Read(body, primes, t) != nil {
				faults = append(faults, w.charter.fault(from, "sent residues over their primes"))
				break
			}
			add(ms, total[p], t)
		}
	}
	return total, faults.blame()
}

// WriteKeys writes the evaluation keys that all active members' messages make,
// of both rounds where relinearisation is asked for, in the format that
// ckks.ReadEvaluationKeys reads. It needs no share: any machine can do it.
func (w *Commission) WriteKeys(out io.Writer, in []Message) error {
	r, err := newRing(w.charter.set)
	if err != nil {
		return err
	}
	parts := make([][]Message, len(w.needs))
	var second []Message
	for i, m := range in {
		switch {
		case len(m) < 8 || int(m[5]) >= len(w.needs):
			return notice.New(notice.Invalid, fmt.Sprintf("message %d of this step is of no key that is asked for", i+1), "ask every member for its messages again")
		case step(m[4]) == stepRelin:
			second = append(second, m)
		default:
			parts[m[5]] = append(parts[m[5]], m)
		}
	}
	at, polys := -1, [][][]uint64(nil)
	var relin [][][]uint64
	return ckks.WriteCollectiveKeys(out, w.charter.set, w.needs, limb.CoinsOf(w.public()), func(need, d, half int) (_ [][]uint64, err error) {
		n := w.needs[need]
		if need != at {
			if polys, err = w.sums(r, n, nil, parts[need]); err == nil && n.Rotation == 0 {
				relin, err = w.add(r, n, stepRelin, need, w.size(r, n)/2, nil, second)
			}
			if err != nil {
				return nil, err
			}
			at = need
		}
		switch {
		case n.Rotation != 0:
			return polys[d], nil
		case half == 0:
			return relin[d], nil
		}
		return polys[2*d+1], nil
	})
}

// Active returns the members that the commission names.
func (w *Commission) Active() []int { return slices.Clone(w.active) }
