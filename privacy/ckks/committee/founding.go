package committee

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
)

// A Founding makes a committee's key, all members taking part: each draws a
// ternary secret, shows its share of the public key, and deals the secret to all
// by Shamir's polynomials. The key's secret is the sum of all, which never
// exists anywhere. It is one member's view; it takes the messages of a round and
// gives those of the next:
//
//	1 each commits to its public share, so that none can choose its own by the others'
//	2 shows it, and deals
//	3 says what it saw, and a number nobody could foresee
//	4 shows a random sum over each share it was dealt, hidden by a sum dealt with it
//	5 checks that every dealer's sums lie on one polynomial
//
// A founding that fails is begun again with a new charter; nothing of it was used.
// It prints nothing of what it holds.
type Founding struct {
	charter  *Charter
	identity Identity
	number   int
	round    int
	state    func() *founding
	member   *Member
}

type founding struct {
	*ring
	salt    [32]byte
	public  [][]uint64         // own share of the public key, at the ciphertext primes
	deals   [][][]uint64       // own polynomial
	blinds  [][]uint64         // coefficients of the polynomial that hides sums, by power
	commits map[int][]byte     // by member
	shares  map[int][][]uint64 // dealt to this member, by dealer
	blinded map[int][]uint64
	total   [][]uint64 // the public key's b
	seen    [32]byte
	own     []byte // sums over what this member was dealt
	nonce   [32]byte
}

// Found begins a founding for the member whose identity it is, and returns what
// it says first.
func Found(c *Charter, as Identity) (*Founding, []Message, error) {
	number, err := as.at(c)
	if err != nil {
		return nil, nil, err
	}
	r, err := newRing(c.set)
	if err != nil {
		return nil, nil, err
	}
	st := &founding{ring: r, salt: fresh(), nonce: fresh()}
	small, errors := make([]int64, r.n), make([]int64, r.n)
	limb.NewStream(fresh()).Ternary(small)
	limb.NewStream(fresh()).Noise(errors)
	secret := limb.New(len(r.moduli), r.n)
	limb.Lift(small, r.primes, secret)
	st.deals = r.polynomial(secret, c.need, fresh())
	for range c.need {
		u := limb.New(len(r.moduli), r.n)
		limb.Expand(fresh(), r.primes, u)
		blind := make([]uint64, len(r.moduli))
		for i := range blind {
			blind[i] = u[i][0]
		}
		st.blinds = append(st.blinds, blind)
	}
	qs := r.ciphertext()
	ms := r.moduli[:len(qs)]
	a := limb.New(len(qs), r.n)
	limb.Expand(c.publicSeed(), qs, a)
	st.public = limb.New(len(qs), r.n)
	product(ms, a, transformed(ms, secret), st.public)
	for i, m := range ms {
		m.Scale(st.public[i], st.public[i], m.Scalar(m.Q-1))
	}
	limb.AddSmall(st.public, errors, qs)
	f := &Founding{charter: c, identity: as, number: number, state: func() *founding { return st }}
	commit := digest("commit", st.salt[:], packed(nil, qs, st.public))
	return f, []Message{as.write(stepCommit, 0, number, 0, c.id, commit[:])}, nil
}

// Format implements fmt.Formatter.
func (f *Founding) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, "[secret]") }

// publicSeed gives the public key's uniform half. It follows from the charter,
// which holds a random name; SHAKE256 leaves whoever drew it nothing to choose.
func (c *Charter) publicSeed() [32]byte { return digest("public key", c.key[:]) }

// rest returns every member but one.
func (c *Charter) rest(but int) []int {
	return slices.DeleteFunc(c.all(), func(m int) bool { return m == but })
}

// Next takes every other member's messages of the round and returns this
// member's of the next, none at the end. Where it returns an error it names who
// is at fault and has changed nothing: it can be called again.
func (f *Founding) Next(in []Message) ([]Message, error) {
	if f.member != nil || f.state == nil {
		return nil, notice.New(notice.Conflict, "this founding is over", "use the member that it made")
	}
	st := f.state()
	steps := []func(*founding, []Message) ([]Message, error){f.reveal, f.agree, f.prove, f.finish}
	out, err := steps[f.round](st, in)
	if err == nil {
		f.round++
	}
	return out, err
}

// Member returns the member that the founding made, an error before its end.
func (f *Founding) Member() (*Member, error) {
	if f.member == nil {
		return nil, notice.New(notice.Conflict, "the founding is not over", "go on with Next")
	}
	return f.member, nil
}

// from returns what a step takes from all others.
func (f *Founding) from(s step, to, size int) expectation {
	return expectation{charter: f.charter, step: s, session: f.charter.id, to: to, from: f.charter.rest(f.number), size: size, reader: f.identity, own: f.number}
}

func (f *Founding) reveal(st *founding, in []Message) ([]Message, error) {
	commits, err := f.from(stepCommit, 0, 32).read(in)
	if err != nil {
		return nil, err
	}
	qs := st.ciphertext()
	out := []Message{f.identity.write(stepReveal, 0, f.number, 0, f.charter.id, packed(st.salt[:], qs, st.public))}
	for _, to := range f.charter.rest(f.number) {
		body := packed(nil, st.primes, st.deal(st.deals, to))
		m, err := f.identity.writeSealed(f.charter, stepDeal, f.number, to, f.charter.id, residues(body, st.blind(to)))
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	st.commits = commits
	return out, nil
}

// blind evaluates the polynomial that hides sums.
func (st *founding) blind(x int) []uint64 {
	out := make([]uint64, len(st.moduli))
	for i, m := range st.moduli {
		for k := len(st.blinds) - 1; k >= 0; k-- {
			out[i] = m.Product(out[i], uint64(x)) + st.blinds[k][i]
			if out[i] >= m.Q {
				out[i] -= m.Q
			}
		}
	}
	return out
}

func (f *Founding) agree(st *founding, in []Message) ([]Message, error) {
	var reveals, deals []Message
	for _, m := range in {
		if m.To() == 0 {
			reveals = append(reveals, m)
		} else {
			deals = append(deals, m)
		}
	}
	qs := st.ciphertext()
	size, dealt := int(limb.Size(qs, st.n)), int(limb.Size(st.primes, st.n))
	shown, err := f.from(stepReveal, 0, 32+size).read(reveals)
	if err != nil {
		return nil, err
	}
	given, err := f.from(stepDeal, f.number, dealt+8*len(st.primes)).read(deals)
	if err != nil {
		return nil, err
	}
	total := limb.New(len(qs), st.n)
	add(st.moduli[:len(qs)], total, st.public)
	shares := map[int][][]uint64{f.number: st.deal(st.deals, f.number)}
	blinded := map[int][]uint64{f.number: st.blind(f.number)}
	var faults Faults
	var saw [][]byte
	for _, from := range f.charter.all() {
		if from == f.number {
			saw = append(saw, packed(nil, qs, st.public))
			continue
		}
		body := shown[from]
		commit := digest("commit", body[:32], body[32:])
		b, poly := limb.New(len(qs), st.n), limb.New(len(st.primes), st.n)
		blind, ok := readResidues(given[from][dealt:], st.primes)
		switch {
		case subtle.ConstantTimeCompare(commit[:], st.commits[from]) != 1:
			faults = append(faults, f.charter.fault(from, "showed another share than it had committed to"))
		case limb.Read(bytes.NewReader(body[32:]), qs, b) != nil,
			limb.Read(bytes.NewReader(given[from]), st.primes, poly) != nil, !ok:
			faults = append(faults, f.charter.fault(from, "sent residues over their primes"))
		}
		add(st.moduli[:len(qs)], total, b)
		shares[from], blinded[from] = poly, blind
		saw = append(saw, body[32:])
	}
	if err := faults.blame(); err != nil {
		return nil, err
	}
	st.total, st.shares, st.blinded = total, shares, blinded
	st.seen = digest("seen", saw...)
	return []Message{f.identity.write(stepAgree, 0, f.number, 0, f.charter.id, append(bytes.Clone(st.seen[:]), st.nonce[:]...))}, nil
}

func (f *Founding) prove(st *founding, in []Message) ([]Message, error) {
	agreed, err := f.from(stepAgree, 0, 64).read(in)
	if err != nil {
		return nil, err
	}
	var faults Faults
	for _, m := range f.charter.rest(f.number) {
		if [32]byte(agreed[m]) != st.seen {
			faults = append(faults, f.charter.fault(m, "saw other shares of the public key than this member"))
		}
	}
	if err := faults.blame(); err != nil {
		return nil, err
	}
	agreed[f.number] = append(bytes.Clone(st.seen[:]), st.nonce[:]...)
	var all [][]byte
	for _, m := range f.charter.all() {
		all = append(all, agreed[m])
	}
	rho := limb.New(len(st.moduli), st.n)
	limb.Expand(digest("challenge", all...), st.primes, rho)
	st.own = st.sums(f.charter, rho)
	return []Message{f.identity.write(stepProve, 0, f.number, 0, f.charter.id, st.own)}, nil
}

// sums returns, for each dealer in turn, the hidden sum of this member's share
// of its secret, weighed by rho, a residue a prime.
func (st *founding) sums(c *Charter, rho [][]uint64) (b []byte) {
	for _, dealer := range c.all() {
		v := make([]uint64, len(st.moduli))
		for i, m := range st.moduli {
			v[i] = (inner(m, rho[i], st.shares[dealer][i]) + st.blinded[dealer][i]) % m.Q
		}
		b = residues(b, v)
	}
	return b
}

func (f *Founding) finish(st *founding, in []Message) ([]Message, error) {
	n := len(f.charter.seats)
	size := 8 * len(st.primes)
	proofs, err := f.from(stepProve, 0, n*size).read(in)
	if err != nil {
		return nil, err
	}
	proofs[f.number] = st.own
	if err := f.charter.dealt(st.ring, proofs); err != nil {
		return nil, err
	}
	seed := f.charter.publicSeed()
	w := &appender{append([]byte{'m', 'x', 'u', 1, byte(f.charter.set)}, seed[:]...)}
	_ = limb.Write(w, st.ciphertext(), st.total) // an appender takes all
	public, err := ckks.ReadPublicKey(bytes.NewReader(w.b), f.charter.set)
	if err != nil {
		return nil, err
	}
	s := &share{ring: st.ring, poly: limb.New(len(st.moduli), st.n), seed: fresh()}
	for _, dealt := range st.shares {
		add(st.moduli, s.poly, dealt)
	}
	f.member, f.state = newMember(f.charter, f.number, f.identity, public, 0, s), nil
	return nil, nil
}

// dealt checks that every dealer's sums lie on one polynomial of the charter's
// degree: the need first members' fix it, the others' must fit.
func (c *Charter) dealt(r *ring, proofs map[int][]byte) error {
	size := 8 * len(r.primes)
	sums := map[int][][]uint64{} // by reporter and dealer
	var faults Faults
	for _, reporter := range c.all() {
		for d := range c.seats {
			v, ok := readResidues(proofs[reporter][d*size:], r.primes)
			if !ok {
				faults = append(faults, c.fault(reporter, "sent residues over their primes"))
				break
			}
			sums[reporter] = append(sums[reporter], v)
		}
	}
	if err := faults.blame(); err != nil {
		return err
	}
	return c.judge(r, sums).blame()
}

// judge names whose fault sums are that lie on no one polynomial. Where one
// reporter's alone are wrong, of several dealers, it is that reporter; of one
// dealer, it is either of the two; else it is the dealer.
func (c *Charter) judge(r *ring, sums map[int][][]uint64) (faults Faults) {
	var dealers, reporters []int
	for d := range c.seats {
		if c.off(r, sums, d, c.all()) != 0 {
			dealers = append(dealers, d+1)
			if x := c.suspect(r, sums, d); !slices.Contains(reporters, x) {
				reporters = append(reporters, x)
			}
		}
	}
	if len(dealers) > 1 && len(reporters) == 1 && reporters[0] != 0 {
		return Faults{c.fault(reporters[0], "did not show what it was dealt")}
	}
	for _, d := range dealers {
		x := c.suspect(r, sums, d-1)
		if x == 0 || x == d {
			faults = append(faults, c.fault(d, "dealt shares that lie on no one polynomial"))
			continue
		}
		faults = append(faults, c.fault(d, "dealt a share that is off its polynomial, or "+c.name(x)+" did not show it as it was"),
			c.fault(x, "did not show its share as it was, or "+c.name(d)+" dealt it wrong"))
	}
	return faults
}

// off returns a reporter whose sum of a dealer's does not fit those of the
// first of reporters, 0 where all fit.
func (c *Charter) off(r *ring, sums map[int][][]uint64, dealer int, reporters []int) int {
	fix := reporters[:c.need]
	for _, x := range reporters[c.need:] {
		for i, m := range r.moduli {
			var want uint64
			for _, j := range fix {
				want = (want + m.Product(weight(j, fix, x, m.Q), sums[j][dealer][i])) % m.Q
			}
			if want != sums[x][dealer][i] {
				return x
			}
		}
	}
	return 0
}

// suspect returns the one reporter without whom a dealer's sums fit, if enough
// are left to say so, else 0.
func (c *Charter) suspect(r *ring, sums map[int][][]uint64, dealer int) int {
	for _, x := range c.all() {
		if rest := c.rest(x); len(rest) > c.need && c.off(r, sums, dealer, rest) == 0 {
			return x
		}
	}
	return 0
}
