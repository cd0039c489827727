package mpc

import "time"

// A Phase counts what a party sent and received, frames' headers included, and
// the rounds it took: times that a message had to wait for one of a peer's.
type Phase struct{ Sent, Received, Messages, Rounds uint64 }

// Stats are a session's counts so far. Preprocessing is what depends on no value:
// agreeing on seeds, from which correlated randomness is drawn without a message,
// measuring the round trip, and the keys of signs that are computed by keys.
// Online is the computation; Checks is verifying it, in sessions with abort.
//
// RoundTrip is what party 0 measured to the farther of its peers when the session
// opened, 0 in sessions with abort. By it, and by how many values there are, a
// semi-honest session computes signs and equality from bits, in nine rounds, or by
// keys, in two: FromBits and ByKeys are how many values either way.
type Stats struct {
	Preprocessing, Online, Checks Phase

	RoundTrip        time.Duration
	FromBits, ByKeys uint64
}

// Stats returns the counts. Call it between methods, not during one.
func (s *Session) Stats() Stats { return s.stats }

// round counts one round, at all three parties alike.
func (s *Session) round() { s.phase.Rounds++ }
