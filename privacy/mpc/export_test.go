package mpc

// Way is how signs are computed, for tests that do not leave it to the link.
type Way = way

// The ways there are.
const (
	ByCost   = byCost
	FromBits = fromBits
	WithKeys = withKeys
)

// Force has a session compute signs in one way. All three parties do so alike.
func Force(s *Session, w Way) { s.way = w }
