package secagg

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"manx/privacy/internal/curve"
	"manx/privacy/notice"
)

// readSurvivors takes whose masked updates arrived.
func (s *Site) readSurvivors(in []byte) error {
	place, body, err := survivors.body(s.digest, in)
	if err != nil || place != s.place {
		return fmt.Errorf("%w: no survivors for this site", ErrMalformed)
	}
	here, rest, err := readSet(body, len(s.round.Sites))
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: no set of survivors", ErrMalformed)
	}
	if !here.has(s.place) || !here.within(s.shared.set) || len(here) < s.round.Threshold {
		return notice.New(notice.Integrity, "the coordinator names survivors who were not there before, too few, or not this hospital", "leave this round, and tell the other hospitals")
	}
	s.staying = here
	return nil
}

// Agree takes whose masked updates arrived and returns the site's fourth message:
// its signature of that set.
func (s *Site) Agree(survivors []byte) ([]byte, error) {
	return s.say(agreedFrom, survivors, func() ([]byte, error) {
		return signed(s.signer, agreement(s.round, s.digest, s.place, s.shared.view, s.staying)), nil
	})
}

// agreement is what a site signs of a set of survivors.
func agreement(r Round, digest [32]byte, place int, view [32]byte, staying set) []byte {
	b := append(agreedFrom.head(digest, place, 0), view[:]...)
	return append(b, staying.bitmap(len(r.Sites))...)
}

// readSignatures makes sure that a threshold of the survivors signed the set that
// this site signed, and that each neighbour among them has masked with the same
// others as this site: it says so in what it signed now, or then.
func (s *Site) readSignatures(in []byte) error {
	place, body, err := signatures.body(s.digest, in)
	if err != nil || place != s.place {
		return fmt.Errorf("%w: no signatures for this site", ErrMalformed)
	}
	by, rest, err := readSet(body, len(s.round.Sites))
	if err != nil {
		return err
	}
	silent := by.without(s.staying.of(s.graph[s.place], s.place))
	now := len(by) * ed25519.SignatureSize
	if len(rest) < now {
		return fmt.Errorf("%w: cut short", ErrMalformed)
	}
	then, err := parts(rest[now:], len(silent), headerSize-headSize-digestSize)
	if err != nil {
		return err
	}
	if len(by) < s.round.Threshold || !by.within(s.staying) {
		return unagreed()
	}
	near, more := set(s.graph[s.place]), s.round.Threshold-len(by.of(s.holders(s.place), -1))
	var all []curve.Signed
	for i, place := range by {
		signature := rest[i*ed25519.SignatureSize:][:ed25519.SignatureSize]
		if place == s.place {
			if !bytes.HasSuffix(s.said[agreedFrom].out, signature) {
				return unagreed()
			}
			continue
		}
		if !near.has(place) {
			if more <= 0 {
				continue // a threshold of others has signed
			}
			more--
		}
		m := agreement(s.round, s.digest, place, s.shared.view, s.staying)
		all = append(all, signedBy(s.round.Sites[place], append(m, signature...)))
	}
	for i, place := range silent {
		m := append(maskedFrom.head(s.digest, place, headerSize), s.shared.view[:]...)
		all = append(all, signedBy(s.round.Sites[place], append(m, then[i]...)))
	}
	if curve.Verify(all) >= 0 {
		return unagreed()
	}
	return nil
}

func unagreed() error {
	return notice.New(notice.Integrity, "too few hospitals have signed what the coordinator told this one of who takes part", "open nothing: leave this round, and tell the other hospitals")
}

// Unmask takes the survivors' signatures and returns the site's last message: a
// share of the own mask's seed of each neighbour who stayed and of its own, and of
// the key of each who did not. Never both of one site: what it is of follows from
// the set that this site signed, once.
func (s *Site) Unmask(signatures []byte) ([]byte, error) { return s.say(opened, signatures, s.unmask) }

func (s *Site) unmask() ([]byte, error) {
	b := opened.head(s.digest, s.place, 0)
	for _, dealer := range s.shared.set.of(s.holders(s.place), -1) {
		get, ok := s.shared.held[dealer]
		switch {
		case !ok:
			b = append(append(b, nothing), make([]byte, secretSize)...)
		case s.staying.has(dealer):
			h := get()
			b = append(append(b, ofMask), h.self[:]...)
		default:
			h := get()
			b = append(append(b, ofKey), h.key[:]...)
		}
	}
	return signed(s.signer, b), nil
}
