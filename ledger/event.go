package ledger

import "errors"

// ErrWall marks a crossing between health and credit (invariant 5).
var ErrWall = errors.New("health never meets credit")

// The names of events. Together the events of a command are everything that
// followed from it: a revoked grant, the job that rested on it, its refund.
const (
	PartyRegistered     = "party.registered" // Body: Party
	PartyRotated        = "party.rotated"
	PartyRecovered      = "party.recovered"
	RecordRegistered    = "record.registered" // Record
	RecordAmended       = "record.amended"
	RecordErased        = "record.erased"
	FileCommitted       = "credit.committed" // Commitment
	FieldDisputed       = "credit.disputed"
	MemberChanged       = "member.changed" // Member
	BudgetChanged       = "budget.changed" // Budget
	GrantGiven          = "grant.given"    // Grant
	GrantRevoked        = "grant.revoked"
	GrantUsed           = "grant.used"       // a call on it was made
	SharesDestroyed     = "grant.destroyed"  // Destroyed
	SeatTaken           = "seat.taken"       // Command
	CoinMade            = "coin.made"        // Coin
	CoinSpent           = "coin.spent"       // no body
	CoinsMinted         = "coin.minted"      // Mint: issued or burnt
	ScheduleSet         = "coin.scheduled"   // Schedule
	PortalPublished     = "portal.published" // Portal
	ModelPublished      = "model.published"  // Model
	ModelRetired        = "model.retired"
	JobAsked            = "job.asked"     // Job
	JobConsented        = "job.consented" // its grant is given
	JobReady            = "job.ready"
	JobClaimed          = "job.claimed"
	JobShared           = "job.shared" // a holder posted its share of the result
	JobDrawn            = "job.drawn"
	JobReplied          = "job.replied" // a replica committed or revealed
	JobCommitted        = "job.committed"
	JobRevealed         = "job.revealed"
	JobDone             = "job.done"
	JobAnswered         = "job.answered"
	JobDisputed         = "job.disputed"
	JobSettled          = "job.settled"
	JobRefunded         = "job.refunded"
	ReceiptWritten      = "receipt.written"      // Leaf
	ReceiptCheckpointed = "receipt.checkpointed" // Command
	TimeTicked          = "time.ticked"          // Clock
	EscrowOpened        = "escrow.opened"        // Escrow
	EscrowStepped       = "escrow.stepped"       // its state, under EscrowStateKey
	OverlapChanged      = "overlap.changed"      // Overlap
	CommitteeChanged    = "committee.changed"    // Committee
	BeaconMoved         = "beacon.moved"         // Beacon
	StakesChanged       = "worker.stakes"        // all Stakes
	StandingChanged     = "worker.standing"      // Standing
	DrawnChanged        = "worker.drawn"         // JobIDs under DrawnKey
	CanaryRevealed      = "canary.revealed"      // the job, whose liars are punished
	CommitteeKeyed      = "committee.keyed"      // CommitteeKeys
	SumChanged          = "sum.changed"          // Sum
	HoldingChanged      = "holding.changed"      // Holding
	HoldingScheduled    = "holding.scheduled"    // HoldingSchedule
)

// The names of events of trainings.
const (
	TrainingChanged      = "training.changed" // Training
	TrainingRoundChanged = "training.round"   // TrainingRound
)

// JobReached returns the name of the event that a job reached a stage.
func JobReached(s Stage) string { return "job." + string(s) }
