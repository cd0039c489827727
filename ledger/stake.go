package ledger

import "errors"

// A Stake is what an operator has locked for a worker: it is drawn for jobs by
// its share of all stakes, and loses of it where it lies or is silent.
type Stake struct {
	Worker   PartyID `json:"worker"`
	Operator PartyID `json:"operator"` // who locked it and gets it back
	Amount   Amount  `json:"amount"`
	Since    Time    `json:"since"`            // of the latest addition: jobs that were ready before do not draw it
	Notice   Time    `json:"notice,omitempty"` // when it was to be given back: jobs that are ready later do not draw it
}

// Draws reports whether a job that was ready at a time may draw the stake.
func (s Stake) Draws(ready Time) bool {
	return s.Since <= ready && (s.Notice == 0 || ready < s.Notice)
}

// StakesKey is where all Stakes are kept, by worker.
const StakesKey Key = "common/stakes"

// Bounds of stakes.
const (
	NoticePeriod = Time(7 * 24 * 3600) // seconds between notice and giving back
	MaxStakes    = 4096                // workers with a stake
	MaxOpen      = 64                  // jobs a worker may be drawn for at a time
)

// MinStake is the least stake that is drawn.
func MinStake() Amount { return MAN(10) }

// A Standing is what became of the jobs a worker was drawn for.
type Standing struct {
	Worker PartyID `json:"worker"`
	First  Time    `json:"first"`          // of the outcomes that count: its first, or its latest lie
	Right  int     `json:"right"`          // results that were right, since First
	Silent int     `json:"silent"`         // jobs it did not answer, since First
	Wrong  int     `json:"wrong"`          // lies, ever
	Open   int     `json:"open,omitempty"` // jobs it is drawn for that have not ended, of both sides
}

// StandingKey is where a worker's Standing is kept.
func StandingKey(worker PartyID) Key { return KeyOf(worker) + "/standing" }

// DrawnKey is where the JobIDs of a side are kept that a worker is drawn for and that have
// not ended. They stand on their side's ledger: all see a Standing.
func DrawnKey(v Vertical, worker PartyID) Key { return Key(v) + "/drawn/" + Key(worker) }

// LockStake locks coins of the author's, an operator's, for a worker. The change
// comes back. Who adds to a stake begins anew the wait until it is drawn.
type LockStake struct {
	Worker PartyID  `json:"worker"`
	Amount Amount   `json:"amount"`
	Fund   []CoinID `json:"fund"`
}

// Command implements Body.
func (LockStake) Command() string { return "worker.stake" }

// Check implements Body.
func (b LockStake) Check() error {
	if b.Amount.IsZero() || len(b.Fund) == 0 || len(b.Fund) > MaxCoins {
		return errors.New("a stake is locked out of 1 to 64 coins")
	}
	if VerticalOf(b.Worker) != Common {
		return errors.New("a stake is locked for a worker")
	}
	return CheckID(b.Worker, "p")
}

// FreeStake gives notice of a worker's stake and, sent again NoticePeriod later when
// no job that drew it is open, gives it back to its operator. The operator and
// the worker may send it.
type FreeStake struct {
	Worker PartyID `json:"worker"`
}

// Command implements Body.
func (FreeStake) Command() string { return "worker.unstake" }

// Check implements Body.
func (b FreeStake) Check() error { return CheckID(b.Worker, "p") }
