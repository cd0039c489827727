package secagg

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"

	"manx/privacy"
	"manx/privacy/internal/curve"
	"manx/privacy/notice"
)

// A Coordinator is who learns the sum of one round. It takes the sites' messages of
// one step, in any order, until Close ends the step; the last Close is Sum. It is
// one goroutine's.
type Coordinator struct {
	round   Round
	digest  [32]byte
	graph   [][]int
	signer  Signer
	secrets secrets
	journal Journal

	step     kind                    // whose messages it takes
	got      map[kind]map[int][]byte // by step and place; of a masked update the header
	sets     map[kind]set            // who is in, by the step that Close ended
	told     map[int][]byte          // what the last Close gave
	view     [32]byte                // of the roster, then of who dealt shares too
	keys     map[int]peer
	total    []uint32       // of the masked updates that were taken
	absent   set            // whose masked updates were taken before a restart, and are to come again
	room     chan []float64 // for the sum's totals, cleared while the last messages come
	complete bool
	sum      Sum // once complete, or why there is none
	failed   error
}

// NewCoordinator begins or resumes a round for the coordinator whose account key
// signer has. The seed is as a site's. A round that is resumed stands where its
// journal ends: Told gives again what the last Close gave.
func NewCoordinator(r Round, signer Signer, seed privacy.Secret[[32]byte], j Journal) (*Coordinator, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if !signer.Public().Equal(r.Coordinator) {
		return nil, notice.New(notice.Denied, "this is not the round's coordinator", "use the account that the proposal names")
	}
	c := &Coordinator{
		round: r, digest: r.digest(), graph: r.neighbours(), signer: signer, journal: j, step: keysFrom,
		got: map[kind]map[int][]byte{}, sets: map[kind]set{}, total: make([]uint32, 1+r.Length),
	}
	var err error
	if c.secrets, err = newSecrets(seed, c.digest); err != nil {
		return nil, err
	}
	return c, c.resume()
}

// A record of the journal is a message that was taken (of a masked update its
// header), or closed, the step and the set.
const closed = 0xff

func (c *Coordinator) resume() error {
	records, err := c.journal.Records()
	if err != nil {
		return err
	}
	for _, r := range records {
		if len(r) > 2 && r[0] == closed {
			s, rest, err := readSet(r[2:], len(c.round.Sites))
			if err != nil || len(rest) > 0 || kind(r[1]) != c.step {
				return damaged()
			}
			if err := c.end(s); err != nil {
				return err
			}
			continue
		}
		place, err := c.check(r)
		if err != nil {
			return damaged()
		}
		c.keep(place, r)
		if c.step == maskedFrom {
			c.absent = append(c.absent, place)
			slices.Sort(c.absent)
		}
	}
	return nil
}

// Take takes a site's message. One that it has is nothing new; one of a step that
// was closed is too late; another of the same step is a site that lies.
func (c *Coordinator) Take(m []byte) error {
	message, vector := m, []byte(nil)
	masked := len(m) >= headerSize && kind(m[4]) == maskedFrom
	if masked {
		message, vector = m[:headerSize], m[headerSize:]
	}
	if len(m) >= headSize && kind(m[4]) < c.step && !(masked && len(c.absent) > 0) {
		return notice.New(notice.Expired, "a hospital's message came after its step was closed", "the round goes on without it")
	}
	if masked && c.step > maskedFrom {
		return c.again(message, vector)
	}
	place, err := c.check(message)
	if err != nil {
		return err
	}
	if before, ok := c.got[c.step][place]; ok {
		if bytes.Equal(before, message) && !c.absent.has(place) {
			return nil
		}
		if !bytes.Equal(before, message) {
			return notice.New(notice.Integrity, fmt.Sprintf("hospital %d has sent two different messages for one step", place+1), "leave it out, in a new round")
		}
	}
	if masked {
		return c.vector(place, message, vector)
	}
	if err := c.journal.Append(message); err != nil {
		return err
	}
	c.keep(place, message)
	return nil
}

// vector takes a masked update. Its header goes to the journal; the sum so far is in
// memory.
func (c *Coordinator) vector(place int, header, vector []byte) error {
	if !c.add(place, header, vector) {
		return fmt.Errorf("%w: a masked update that its tag does not hold", ErrMalformed)
	}
	if _, known := c.got[maskedFrom][place]; !known {
		if err := c.journal.Append(header); err != nil {
			subWords(c.total, vector)
			return err
		}
		c.keep(place, header)
	}
	c.absent = slices.DeleteFunc(c.absent, func(i int) bool { return i == place })
	return nil
}

// add adds a vector to the sum, and reports whether it is the one that a header is
// of. It goes over it once: what turns out to be another is taken off again.
func (c *Coordinator) add(place int, header, vector []byte) bool {
	if len(vector) != c.round.Bytes() {
		return false
	}
	keys, bad := between(c.digest, siteTag(c.secrets.sealing(), c.keys[place].sealing, place))
	if bad >= 0 {
		return false
	}
	t := newTagging(keys[0], len(vector))
	spans(len(c.total), func(from, to int) {
		part := vector[4*from : 4*to]
		t.take(part, 4*from)
		addWords(c.total[from:to], part)
	})
	tag := t.tag()
	if subtle.ConstantTimeCompare(tag[:], header[headSize+digestSize:][:tagSize]) == 1 {
		return true
	}
	subWords(c.total, vector)
	return false
}

// again takes a masked update once more that a restart has lost.
func (c *Coordinator) again(header, vector []byte) error {
	for _, place := range c.absent {
		if bytes.Equal(c.got[maskedFrom][place], header) {
			return c.vector(place, header, vector)
		}
	}
	return notice.New(notice.Expired, "a hospital's message came after its step was closed", "the round goes on without it")
}

func (c *Coordinator) keep(place int, message []byte) {
	if c.got[c.step] == nil {
		c.got[c.step] = map[int][]byte{}
	}
	c.got[c.step][place] = bytes.Clone(message)
}

// check makes sure that a message is of this step, from a site that is in it.
func (c *Coordinator) check(m []byte) (place int, err error) {
	place, body, err := c.step.body(c.digest, m)
	if err != nil {
		return 0, err
	}
	n := len(c.round.Sites)
	if place >= n || c.step > keysFrom && !c.sets[c.step-1].has(place) {
		return 0, fmt.Errorf("%w: from a site that is not in this step", ErrMalformed)
	}
	size := 0
	switch before := c.sets[c.step-1]; c.step {
	case keysFrom:
		size = 2 * keySize
	case sharesFrom:
		size = digestSize + 3*digestSize + len(before.of(c.graph[place], place))*pieceSize
	case maskedFrom:
		size = digestSize + tagSize
	case agreedFrom:
		size = digestSize + (n+7)/8
	case opened:
		size = len(c.sets[sharesFrom].of(holders(c.graph, place), -1)) * openedShare
	default:
		return 0, fmt.Errorf("%w: the round is over", ErrMalformed)
	}
	if len(body) != size+ed25519.SignatureSize {
		return 0, fmt.Errorf("%w: of another length", ErrMalformed)
	}
	if curve.Verify([]curve.Signed{signedBy(c.round.Sites[place], m)}) >= 0 {
		return 0, fmt.Errorf("%w: the signature is not the site's", ErrMalformed)
	}
	switch c.step {
	case sharesFrom, maskedFrom:
		if !bytes.Equal(body[:digestSize], c.view[:]) {
			return 0, fmt.Errorf("%w: the site was told something else", ErrMalformed)
		}
	case agreedFrom:
		if !bytes.Equal(m[:len(m)-ed25519.SignatureSize], agreement(c.round, c.digest, place, c.view, c.sets[maskedFrom])) {
			return 0, fmt.Errorf("%w: the site was told something else", ErrMalformed)
		}
	}
	return place, nil
}

// Missing returns the places of those who have not sent this step's message, and
// of those whose masked updates must be sent again.
func (c *Coordinator) Missing() (places []int) {
	for i := range c.round.Sites {
		_, has := c.got[c.step][i]
		if in := c.step == keysFrom || c.sets[c.step-1].has(i); in && !has || c.absent.has(i) {
			places = append(places, i)
		}
	}
	return places
}

// A ShortError says which hospitals a step waits for, by place, where it cannot be
// closed without more of them. It comes inside a notice.
type ShortError struct {
	Have, Need int
	Missing    []int
}

// Error names the hospitals as people count, from 1.
func (e *ShortError) Error() string {
	var names []string
	for _, i := range e.Missing {
		names = append(names, fmt.Sprint(i+1))
	}
	return fmt.Sprintf("%d hospitals of at least %d have answered; missing: %s", e.Have, e.Need, strings.Join(names, ", "))
}

func (c *Coordinator) short(have int, missing []int) error {
	e := &ShortError{have, c.round.Threshold, missing}
	return notice.Because(e, notice.Unavailable, "the round cannot go on: "+e.Error(), "wait for them, or begin a new round without them")
}

// Close ends a step with whose messages there are, and returns what each of them is
// to be sent, by place. With fewer than the threshold nothing is closed: a
// ShortError, and the step goes on.
func (c *Coordinator) Close() (map[int][]byte, error) {
	if c.step > agreedFrom {
		return nil, notice.New(notice.Conflict, "all steps of the round are closed", "take the sum")
	}
	here := c.present()
	if len(here) < c.round.Threshold {
		return nil, c.short(len(here), c.Missing())
	}
	record := append([]byte{closed, byte(c.step)}, here.bitmap(len(c.round.Sites))...)
	if err := c.journal.Append(record); err != nil {
		return nil, err
	}
	if err := c.journal.Sync(); err != nil {
		return nil, err
	}
	err := c.end(here)
	return c.told, err
}

// present returns whose messages of this step are there. In a sparse graph a site
// that could not be unmasked, for too few holders of its shares, is left out.
func (c *Coordinator) present() (here set) {
	for i := range c.round.Sites {
		if _, ok := c.got[c.step][i]; ok && !(c.step == maskedFrom && c.absent.has(i)) {
			here = append(here, i)
		}
	}
	for c.step < maskedFrom {
		var next set
		for _, i := range here {
			if len(here.of(holders(c.graph, i), -1)) >= c.round.needed() {
				next = append(next, i)
			}
		}
		if len(next) == len(here) {
			break
		}
		here = next
	}
	return here
}

// Told returns again what the last Close returned.
func (c *Coordinator) Told() map[int][]byte { return c.told }

// Again returns what to tell the sites, by place, whose masked updates the
// coordinator took before it was begun again: they answer with Masked, as before.
// The sum waits for them.
func (c *Coordinator) Again() map[int][]byte {
	out := map[int][]byte{}
	for _, i := range c.absent {
		out[i] = c.shares(i)
	}
	return out
}

// shares is what a site is told of who dealt shares, with those for it.
func (c *Coordinator) shares(to int) []byte {
	here := c.sets[sharesFrom]
	m := append(sharesFor.head(c.digest, to, 0), here.bitmap(len(c.round.Sites))...)
	for _, dealer := range here.of(c.graph[to], to) {
		m = append(m, c.piece(dealer, to)...)
	}
	return m
}

// end goes on to the next step with the sites of a set.
func (c *Coordinator) end(here set) error {
	n, got := len(c.round.Sites), c.got[c.step]
	for _, i := range here {
		if got[i] == nil {
			return damaged()
		}
	}
	c.sets[c.step], c.told = here, map[int][]byte{}
	switch c.step {
	case keysFrom:
		m := append(rosterFor.head(c.digest, 0, 0), c.secrets.sealing().PublicKey().Bytes()...)
		m = append(m, here.bitmap(n)...)
		c.keys = map[int]peer{}
		for _, i := range here {
			m = append(m, got[i]...)
			c.keys[i] = keysOf(got[i])
		}
		c.view = sha256.Sum256(m)
		m = signed(c.signer, m)
		for _, i := range here {
			c.told[i] = m
		}
	case sharesFrom:
		c.view = secondView(c.view, here.bitmap(n))
		for _, i := range here {
			c.told[i] = c.shares(i)
		}
	case maskedFrom:
		c.absent = c.absent.of(here, -1)
		for _, i := range here {
			c.told[i] = append(survivors.head(c.digest, i, 0), here.bitmap(n)...)
		}
	case agreedFrom:
		var all []byte
		for _, i := range here {
			all = append(all, got[i][len(got[i])-ed25519.SignatureSize:]...)
		}
		for _, i := range here {
			m := append(signatures.head(c.digest, i, 0), here.bitmap(n)...)
			m = append(m, all...)
			for _, silent := range here.without(c.sets[maskedFrom].of(c.graph[i], i)) {
				m = append(m, c.got[maskedFrom][silent][headSize+digestSize:]...)
			}
			c.told[i] = m
		}
		room := make(chan []float64, 1)
		go func() { room <- make([]float64, c.round.Length) }()
		c.room = room
	}
	c.step++
	return nil
}

// piece returns what a dealer sent for one holder: commitments, then sealed shares.
func (c *Coordinator) piece(dealer, holder int) []byte {
	b := c.got[sharesFrom][dealer][headSize+4*digestSize:]
	at := slices.Index(c.sets[keysFrom].of(c.graph[dealer], dealer), holder)
	return b[at*pieceSize : (at+1)*pieceSize]
}
