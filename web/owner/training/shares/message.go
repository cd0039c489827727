package shares

import (
	"manx/privacy/mpc"
	"manx/privacy/secagg/trio"
	"manx/web/owner/training/measured"
)

// What a site is told to do next in a round on shares.
const (
	toDeal    = "deal"
	toCompute = "compute"
	toTell    = "tell"
	toEnd     = "end"
)

// An instruction is what a site is told to do next.
type instruction struct {
	What string `json:"what"`
	trio.Try
	Work     []byte              `json:"work,omitempty"`     // to compute
	Ready    [mpc.Parties][]byte `json:"ready"`              // what the three have signed, to tell
	Measured []measured.Round    `json:"measured,omitempty"` // at the end: of the rounds that the site has not heard of
}

// A failure is why one of the three has no sum in a try.
type failure struct {
	Try   int   `json:"try"`
	Bad   []int `json:"bad,omitempty"`   // places whose dealings cannot be opened
	Bound []int `json:"bound,omitempty"` // whose sum alone the site is ready to tell in this round
	Few   bool  `json:"few,omitempty"`   // too few are within the bounds
}
