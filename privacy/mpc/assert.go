package mpc

// Assert opens to all three whether every value of x, each 0 or 1, is 1, and
// nothing else of them: where one is not, the session fails for all, ErrFalse. It
// is for what must hold before a result leaves, and says nothing where it does. In
// sessions with abort all that was computed so far is verified before, and of two
// parties whose copies of the answer differ one lied: both are named.
func (s *Session) Assert(x Share) error {
	if err := s.enter("assertion", x); err != nil {
		return err
	}
	all := x.vec()
	for all.len() > 1 { // the odd one is multiplied with itself
		n := (all.len() + 1) / 2
		all = s.mul(all.part(0, n), all.part(all.len()-n, all.len()))
	}
	all = s.mul(all, s.public(fill(all.len(), 1))) // hides what the shares were made of
	s.verify()
	if all.len() == 0 || s.failed() != nil {
		return s.failed()
	}
	if out := s.reveal(all); s.failed() == nil && out[0] != 1 {
		s.fail(ErrFalse)
	}
	return s.failed()
}

// OpenBits opens bits to all three: values that are each 0 or 1. Where one is not
// the session fails for all, ErrFalse, with nothing of them told but that. In sessions
// with abort all that was computed so far is verified before.
func (s *Session) OpenBits(x Share) ([]bool, error) {
	if err := s.enter("opening of bits", x); err != nil {
		return nil, err
	}
	if x.Len() == 0 {
		return nil, nil
	}
	// Of the numbers modulo 2^64 only 0 and 1 are their own squares.
	v := x.vec()
	whole, err := s.Equal(hide(&dealt{party: s.party, vec: s.mul(v, v)}), x)
	if err != nil {
		return nil, err
	}
	if err := s.Assert(whole); err != nil {
		return nil, err
	}
	values, err := s.OpenValues(x)
	out := make([]bool, len(values))
	for i, b := range values {
		out[i] = b == 1
	}
	return out, err
}

// OpenValues opens values to all three, who learn them: it is for what the three go
// on by, and may be told. Output is for results. In sessions with abort all that was
// computed so far is verified before.
func (s *Session) OpenValues(x Share) ([]uint64, error) {
	if err := s.enter("opening of values", x); err != nil {
		return nil, err
	}
	v := s.mul(x.vec(), s.public(fill(x.Len(), 1))) // hides what the shares were made of
	s.verify()
	if s.failed() != nil || v.len() == 0 {
		return nil, s.failed()
	}
	out := s.reveal(v)
	return out, s.failed()
}

// reveal opens values, which a multiplication has hidden the making of, to all
// three. Of two parties whose copies of a component differ one lied.
func (s *Session) reveal(v vec) []uint64 {
	// A party lacks the component that the one before it has first, and the one after
	// it second.
	s.round()
	s.next.send(v.a)
	s.previous.send(v.b)
	first, second := make([]uint64, v.len()), make([]uint64, v.len())
	s.previous.receive(first)
	s.next.receive(second)
	if s.failed() == nil && !equal(first, second) {
		s.fail(&PeerError{Party: s.previous.peer, Other: s.next.peer, Step: s.step, Err: ErrCheat})
	}
	for i := range first {
		first[i] += v.a[i] + v.b[i]
	}
	return first
}
