package secagg

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"slices"

	"manx/privacy"
	"manx/privacy/internal/curve"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/shamir"
)

// A Site is one hospital's side of one round. Its five methods are called in order,
// each with what the coordinator sent it; a call that is repeated with the same
// message gives the same bytes, one with another message is refused. It never
// prints a secret. It is one goroutine's.
type Site struct {
	round   Round
	digest  [32]byte
	place   int
	graph   [][]int
	signer  Signer
	secrets secrets
	journal Journal

	said   map[kind]said
	roster struct { // what rosterFor told
		set    set
		view   [32]byte
		sealed map[int]func() [32]byte // with each neighbour, for shares
		masks  map[int]func() [32]byte // and for the mask between the two
		tagged func() [32]byte         // the key of the tag for the coordinator
	}
	shared struct { // what sharesFor told
		set  set
		view [32]byte
		held map[int]func() held
	}
	staying set // what survivors told
}

// said is what was answered to what.
type said struct{ in, out []byte }

// A peer's two public keys.
type peer struct{ sealing, masking []byte }

// held are a site's shares of a dealer's two secrets.
type held struct{ self, key [secretSize]byte }

// NewSite begins or resumes a round for the site whose account key signer has. The
// seed is fresh for each round and the same when a round is resumed.
func NewSite(r Round, signer Signer, seed privacy.Secret[[32]byte], j Journal) (*Site, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	own := signer.Public()
	s := &Site{round: r, digest: r.digest(), place: -1, graph: r.neighbours(), signer: signer, journal: j, said: map[kind]said{}}
	for i, k := range r.Sites {
		if own.Equal(k) {
			s.place = i
		}
	}
	if s.place < 0 {
		return nil, notice.New(notice.Denied, "this hospital is not on the round's roster", "wait for a round that it is in: `manx train status`")
	}
	var err error
	if s.secrets, err = newSecrets(seed, s.digest); err != nil {
		return nil, err
	}
	return s, s.resume()
}

// Format makes fmt print no more than what it is.
func (*Site) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "secagg.Site") }

// A record of the journal is the kind of what was said, the length of what was
// told, and both; of a masked update only the header.
func (s *Site) resume() error {
	records, err := s.journal.Records()
	if err != nil {
		return err
	}
	for _, r := range records {
		if len(r) < 5 || binary.LittleEndian.Uint32(r[1:]) > uint32(len(r)-5) {
			return damaged()
		}
		k, in := kind(r[0]), r[5:]
		in, out := in[:binary.LittleEndian.Uint32(r[1:])], in[binary.LittleEndian.Uint32(r[1:]):]
		if k != s.next() || s.read(k, in) != nil {
			return damaged()
		}
		if own, err := s.keys(); k == keysFrom && (err != nil || !bytes.Equal(own, out)) {
			return notice.New(notice.Integrity, "the round was begun with another seed", "use the seed that was kept with the journal")
		}
		s.said[k] = said{in, out}
	}
	return nil
}

func damaged() error {
	return notice.New(notice.Integrity, "the journal is of another round, or damaged", "leave this round out")
}

// next is the kind of what is to be said next.
func (s *Site) next() kind { return kind(len(s.said) + 1) }

// say answers what the coordinator told, or repeats the answer.
func (s *Site) say(k kind, in []byte, write func() ([]byte, error)) ([]byte, error) {
	if before, ok := s.said[k]; ok {
		if !bytes.Equal(before.in, in) {
			return nil, notice.New(notice.Integrity, "the coordinator says something else than it said before", "leave this round, and tell the other hospitals")
		}
		return before.out, nil
	}
	if k != s.next() {
		return nil, notice.New(notice.Conflict, "a step of the round out of turn", "answer the coordinator's messages in their order")
	}
	if err := s.read(k, in); err != nil {
		return nil, err
	}
	out, err := write()
	if err != nil {
		return nil, err
	}
	record := binary.LittleEndian.AppendUint32([]byte{byte(k)}, uint32(len(in)))
	if err := s.journal.Append(slices.Concat(record, in, out)); err != nil {
		return nil, err
	}
	// Keys follow from the seed alone, and what is opened from what was signed and is
	// on the disk: lost, they are the same again. So is every share that was dealt,
	// whichever roster comes then: none but a holder's own is ever sealed to it, and the
	// masked update, bound to one roster, is on the disk with it.
	if k == maskedFrom || k == agreedFrom {
		if err := s.journal.Sync(); err != nil {
			return nil, err
		}
	}
	s.said[k] = said{bytes.Clone(in), out}
	return out, nil
}

// read takes in what the coordinator told before something is said.
func (s *Site) read(k kind, in []byte) error {
	switch k {
	case keysFrom:
		return nil
	case sharesFrom:
		return s.readRoster(in)
	case maskedFrom:
		return s.readShares(in)
	case agreedFrom:
		return s.readSurvivors(in)
	case opened:
		return s.readSignatures(in)
	}
	return fmt.Errorf("%w: no such step", ErrMalformed)
}

// Keys returns the site's first message: its two public keys of this round.
func (s *Site) Keys() ([]byte, error) { return s.say(keysFrom, nil, s.keys) }

func (s *Site) keys() ([]byte, error) {
	b := keysFrom.head(s.digest, s.place, keysSize)
	b = append(b, s.secrets.sealing().PublicKey().Bytes()...)
	return signed(s.signer, append(b, s.secrets.masking().PublicKey().Bytes()...)), nil
}

func keysOf(m []byte) peer {
	return peer{m[headSize:][:keySize], m[headSize+keySize:][:keySize]}
}

// readRoster takes who takes part, with their keys, and the coordinator's own.
func (s *Site) readRoster(in []byte) error {
	m := in[:max(0, len(in)-ed25519.SignatureSize)]
	_, body, err := rosterFor.body(s.digest, m)
	if err != nil || len(body) < keySize {
		return fmt.Errorf("%w: no roster", ErrMalformed)
	}
	coordinator := body[:keySize]
	here, rest, err := readSet(body[keySize:], len(s.round.Sites))
	if err != nil {
		return err
	}
	all, err := parts(rest, len(here), keysSize)
	if err != nil {
		return err
	}
	near := here.of(s.graph[s.place], -1) // of the others nothing is used: their neighbours look at them
	theirs := map[int][]byte{}
	for i, place := range here {
		theirs[place] = all[i]
	}
	by := []curve.Signed{signedBy(s.round.Coordinator, in)}
	for _, place := range near {
		by = append(by, signedBy(s.round.Sites[place], theirs[place]))
	}
	wrong := curve.Verify(by)
	if wrong == 0 {
		return fmt.Errorf("%w: the signature is not the coordinator's", ErrMalformed)
	}
	if own := s.said[keysFrom].out; here.has(s.place) && !bytes.Equal(theirs[s.place], own) {
		return notice.New(notice.Integrity, "the coordinator's roster has other keys for this hospital than its own", "leave this round, and tell the other hospitals")
	}
	for i, place := range near {
		if p, _, err := keysFrom.body(s.digest, theirs[place]); err != nil || p != place || wrong == i+1 {
			return notice.New(notice.Integrity, fmt.Sprintf("the coordinator gives keys that hospital %d has not signed for this round", place+1), "leave this round, and tell the other hospitals")
		}
	}
	if !here.has(s.place) {
		return notice.New(notice.Integrity, "the coordinator's roster is without this hospital's keys", "leave this round, and tell the other hospitals")
	}
	if len(here) < s.round.Threshold || len(here.of(s.holders(s.place), -1)) < s.round.needed() {
		return tooFew(len(here), s.round.Threshold)
	}
	s.roster.set, s.roster.view = here, sha256.Sum256(m)
	return s.agree(coordinator, near, theirs)
}

// agree makes the keys that the site has with the coordinator, and two with each
// neighbour.
func (s *Site) agree(coordinator []byte, near set, theirs map[int][]byte) error {
	sealing, masking := s.secrets.sealing(), s.secrets.masking()
	all := []exchange{siteTag(sealing, coordinator, s.place)}
	for _, place := range near {
		p := keysOf(theirs[place])
		all = append(all, exchange{sealing, p.sealing, "shares"}, pairMask(masking, p.masking, s.place, place))
	}
	keys, bad := between(s.digest, all...)
	switch {
	case bad == 0:
		return fmt.Errorf("%w: the coordinator gives a key that cannot be", ErrMalformed)
	case bad > 0:
		return badKey(near[(bad-1)/2])
	}
	t := &s.roster
	t.tagged, t.sealed, t.masks = hidden(keys[0]), map[int]func() [32]byte{}, map[int]func() [32]byte{}
	for i, place := range near {
		t.sealed[place], t.masks[place] = hidden(keys[1+2*i]), hidden(keys[2+2*i])
	}
	return nil
}

func hidden(key [32]byte) func() [32]byte { return func() [32]byte { return key } }

func tooFew(have, need int) error {
	return notice.New(notice.Denied, fmt.Sprintf("%d hospitals take part, or too few of those beside this one; the round needs %d", have, need), "wait for a round with more")
}

// holders are who has shares of a site's secrets: its neighbours and itself, in
// order. A share's point is its holder's place among them, from 1.
func (s *Site) holders(of int) []int { return holders(s.graph, of) }

func holders(graph [][]int, of int) []int {
	all := append(slices.Clone(graph[of]), of)
	slices.Sort(all)
	return all
}

// Shares takes the roster and returns the site's second message: commitments to its
// two secrets' shares, and to each neighbour its own, sealed.
func (s *Site) Shares(roster []byte) ([]byte, error) { return s.say(sharesFrom, roster, s.shares) }

func (s *Site) shares() ([]byte, error) {
	mine := s.dealt()
	self := commitment(s.digest, "self", s.place, s.place, s.secrets.self())
	b := sharesFrom.head(s.digest, s.place, 0)
	b = append(append(b, s.roster.view[:]...), self[:]...)
	b = append(b, mine[s.place].commitments(s.digest, s.place, s.place)...)
	for _, to := range s.roster.set.of(s.holders(s.place), s.place) {
		h := mine[to]
		beside := h.commitments(s.digest, s.place, to)
		b = append(b, beside...)
		b = append(b, sealOnce(s.sealed(to, s.place, to), slices.Concat(h.self[:], h.key[:]), beside)...)
	}
	return signed(s.signer, b), nil
}

// sealed returns the key that a dealer's shares for a holder are sealed with, one of
// whom is this site and the other its peer.
func (s *Site) sealed(peer, dealer, to int) [32]byte {
	k := s.roster.sealed[peer]()
	return derive(k[:], s.digest, fmt.Sprintf("%d %d", dealer, to))
}

func badKey(of int) error {
	return notice.New(notice.Integrity, fmt.Sprintf("hospital %d gives keys that cannot be", of+1), "begin a new round without it")
}

// dealt returns the shares of the own secrets, by holder.
func (s *Site) dealt() map[int]held {
	all, t := s.holders(s.place), s.round.needed()
	noise := s.secrets.noise(2 * (t - 1) * secretSize)
	secret := s.secrets.self()
	self := shamir.Deal(secret[:], t, len(all), noise[:len(noise)/2])
	key := shamir.Deal(s.secrets.masking().Bytes(), t, len(all), noise[len(noise)/2:])
	out := map[int]held{}
	for i, to := range all {
		out[to] = held{[secretSize]byte(self[i]), [secretSize]byte(key[i])}
	}
	return out
}

// commitments returns those to the two shares of one holder.
func (h held) commitments(round [32]byte, dealer, to int) []byte {
	a := commitment(round, "share of self", dealer, to, h.self)
	b := commitment(round, "share of key", dealer, to, h.key)
	return append(a[:], b[:]...)
}

// pieceSize is of what a dealer sends one holder.
const pieceSize = 2*digestSize + sealedSize

// readShares takes who dealt shares, and the neighbours' for this site. A share
// that does not open is left out: it cannot be opened to anybody then.
func (s *Site) readShares(in []byte) error {
	place, body, err := sharesFor.body(s.digest, in)
	if err != nil || place != s.place {
		return fmt.Errorf("%w: no shares for this site", ErrMalformed)
	}
	here, rest, err := readSet(body, len(s.round.Sites))
	if err != nil {
		return err
	}
	from := here.of(s.graph[s.place], s.place)
	pieces, err := parts(rest, len(from), pieceSize)
	if err != nil {
		return err
	}
	if !here.has(s.place) || !here.within(s.roster.set) {
		return notice.New(notice.Integrity, "the coordinator's second roster has others than its first, or is without this hospital", "leave this round, and tell the other hospitals")
	}
	if len(here) < s.round.Threshold || len(from)+1 < s.round.needed() {
		return tooFew(len(here), s.round.Threshold)
	}
	t := &s.shared
	own := s.dealt()[s.place]
	t.set, t.held = here, map[int]func() held{s.place: func() held { return own }}
	for i, dealer := range from {
		beside := pieces[i][:2*digestSize]
		plain, err := openOnce(s.sealed(dealer, dealer, s.place), pieces[i][2*digestSize:], beside)
		if err != nil {
			continue
		}
		h := held{[secretSize]byte(plain), [secretSize]byte(plain[secretSize:])}
		if subtle.ConstantTimeCompare(h.commitments(s.digest, dealer, s.place), beside) == 1 {
			t.held[dealer] = func() held { return h }
		}
	}
	t.view = secondView(s.roster.view, here.bitmap(len(s.round.Sites)))
	return nil
}

// secondView is what a masked update is bound to: who takes part with which keys,
// and between whom there are masks.
func secondView(first [32]byte, bitmap []byte) [32]byte {
	return sha256.Sum256(slices.Concat([]byte("manx/secagg/view/v1\x00"), first[:], bitmap))
}

// Masked takes the neighbours' shares and the update, and returns the site's third
// message: the update behind its masks. The message is not in the journal: who may
// have to send it again keeps the contribution. With another than the first time
// there is no message, so no two updates ever go behind one mask.
func (s *Site) Masked(shares []byte, c privacy.Secret[Contribution]) ([]byte, error) {
	var message []byte
	header, err := s.say(maskedFrom, shares, func() (header []byte, err error) {
		message, err = s.masked(c.Reveal(reveal.Token{}))
		return bytes.Clone(message[:min(headerSize, len(message))]), err
	})
	if err != nil || message != nil {
		return message, err
	}
	if message, err = s.masked(c.Reveal(reveal.Token{})); err != nil {
		return nil, err
	}
	if !bytes.Equal(header, message[:headerSize]) {
		return nil, notice.New(notice.Conflict, "this is not the update that was masked in this round before", "give the same update again, or leave this round out; the next one is not touched")
	}
	return message, nil
}

// masked hides a contribution: behind the site's own mask, and with each neighbour
// who dealt shares one that the first of the two adds and the second takes off.
func (s *Site) masked(c Contribution) ([]byte, error) {
	// The message ends where the buffer does, its vector at a word.
	const words = (headerSize + 3) / 4
	buffer := make([]uint32, words+1+s.round.Length)
	message, v := bytesOf(buffer)[4*words-headerSize:], buffer[words:]
	steps, err := s.round.steps(c)
	if err != nil {
		return nil, err
	}
	masks := []mask{newMask(maskKey(s.secrets.self(), s.digest), false)}
	for _, other := range s.shared.set.of(s.graph[s.place], s.place) {
		masks = append(masks, newMask(s.roster.masks[other](), other < s.place))
	}
	tag := newTagging(s.roster.tagged(), s.round.Bytes())
	if err := hide(v, steps, masks, tag); err != nil {
		return nil, err
	}
	sum := tag.tag()
	header := append(maskedFrom.head(s.digest, s.place, headerSize), s.shared.view[:]...)
	copy(message, signed(s.signer, append(header, sum[:]...)))
	return message, nil
}

// hide writes a contribution into v behind masks, and takes in what it is tagged by:
// all of it a span at a time. Of values that may not be sent the first is told of.
func hide(v []uint32, c steps, masks []mask, tag *tagging) error {
	wrong := make([]error, (len(v)+spanWords-1)/spanWords)
	spans(len(v), func(from, to int) {
		part := v[from:to]
		if err := c.write(part, from); err != nil {
			wrong[from/spanWords] = err
			return
		}
		addMasks(part, from, masks)
		littleEndian(part)
		tag.take(bytesOf(part), 4*from)
	})
	for _, err := range wrong {
		if err != nil {
			return err
		}
	}
	return nil
}
