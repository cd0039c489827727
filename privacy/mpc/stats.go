package mpc

// A Phase counts what a party sent and received, frames' headers included, and
// the rounds it took: times that a message had to wait for one of a peer's.
type Phase struct{ Sent, Received, Messages, Rounds uint64 }

// Stats are a session's counts so far. Preprocessing is agreeing on seeds, from
// which all correlated randomness is drawn without a message; Online is the
// computation; Checks is verifying it, in sessions with abort.
type Stats struct{ Preprocessing, Online, Checks Phase }

// Stats returns the counts. Call it between methods, not during one.
func (s *Session) Stats() Stats { return s.stats }

// round counts one round, at all three parties alike.
func (s *Session) round() { s.phase.Rounds++ }
