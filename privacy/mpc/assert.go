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
	// A party lacks the component that the one before it has first, and the one after
	// it second.
	s.round()
	s.next.send(all.a)
	s.previous.send(all.b)
	first, second := make([]uint64, 1), make([]uint64, 1)
	s.previous.receive(first)
	s.next.receive(second)
	switch {
	case s.failed() != nil:
	case first[0] != second[0]:
		s.fail(&PeerError{Party: s.previous.peer, Other: s.next.peer, Step: s.step, Err: ErrCheat})
	case all.a[0]+all.b[0]+first[0] != 1:
		s.fail(ErrFalse)
	}
	return s.failed()
}
