package ledger

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// EscrowID names an Escrow: credit-escrow-….
type EscrowID string

// NewEscrowID names what the command `by` makes.
func NewEscrowID(v Vertical, by CommandID) EscrowID { return EscrowID(made(v, "escrow", by)) }

// An Escrow is a contract on the ledger: terms, who plays which role, and until
// when it has ended. It never changes; where it stands is kept beside it, under
// EscrowStateKey. Terms are of package escrow, as JSON.
type Escrow struct {
	ID          EscrowID        `json:"id"`
	Opener      PartyID         `json:"opener"`
	Title       string          `json:"title"`
	Terms       json.RawMessage `json:"terms"`
	Hash        Hash            `json:"hash"` // of Terms with Players: what a party agrees to
	Players     []Player        `json:"players"`
	Parties     []PartyID       `json:"parties"` // all of them, for who looks for theirs
	Opened      Time            `json:"opened"`
	Last        Time            `json:"last"`
	Certificate Hash            `json:"certificate"` // of the checker's report on exactly these terms
}

// A Player says who plays a role.
type Player struct {
	Role  string  `json:"role"`
	Party PartyID `json:"party"`
}

// TermsHash is what the parties of an escrow agree to: its terms, and who plays
// which role.
func TermsHash(terms json.RawMessage, players []Player) Hash {
	h := sha256.New()
	h.Write([]byte("manx/terms/v1\x00"))
	b, _ := json.Marshal(players) // strings
	h.Write(b)
	h.Write([]byte{0})
	h.Write(terms)
	return Hash(h.Sum(nil))
}

// EscrowCertificate is what a ledger keeps of the checker's report, as JSON, on
// terms with a hash.
func EscrowCertificate(terms Hash, report []byte) Hash {
	return sha256.Sum256(append(terms[:], report...))
}

// EscrowStateKey is where an escrow's state is kept.
func EscrowStateKey(id EscrowID) Key { return KeyOf(id) + "/state" }

// MaxEscrow bounds the life of an escrow, in seconds: ten years.
const MaxEscrow = Time(3660 * 24 * 3600)

// Bounds of an escrow's words.
const (
	maxTerms   = 48 << 10 // bytes
	maxTitle   = 120
	maxPlayers = 32
)

// OpenEscrow makes a contract. It holds nothing until somebody puts in what the
// terms ask for.
type OpenEscrow struct {
	Title   string          `json:"title"`
	Terms   json.RawMessage `json:"terms"`
	Players []Player        `json:"players"`
	Last    Time            `json:"last"`
	Coins   []CoinID        `json:"coins,omitempty"` // that pay Fees.Open; change comes back
}

// Command implements Body.
func (OpenEscrow) Command() string { return "escrow.open" }

// Check implements Body.
func (b OpenEscrow) Check() error {
	switch {
	case b.Title == "" || len(b.Title) > maxTitle:
		return errors.New("a contract has a title of at most 120 bytes")
	case len(b.Terms) == 0 || len(b.Terms) > maxTerms:
		return errors.New("a contract has terms of at most 48 KiB")
	case len(b.Players) == 0 || len(b.Players) > maxPlayers:
		return errors.New("a contract has 1 to 32 roles with who plays them")
	case len(b.Coins) > MaxCoins:
		return errors.New("spend at most 64 coins")
	}
	for _, p := range b.Players {
		if err := CheckID(p.Party, "p"); err != nil {
			return err
		}
	}
	return nil
}

// EvidenceDigest hides a file that is shown in an escrow: the salt, 32 secret
// bytes, keeps it from being guessed.
func EvidenceDigest(id EscrowID, salt Hash, file io.Reader) (Hash, error) {
	h := sha256.New()
	h.Write([]byte("manx/evidence/v1\x00" + string(id) + "\x00"))
	h.Write(salt[:])
	if _, err := io.Copy(h, file); err != nil {
		return Hash{}, fmt.Errorf("read evidence: %w", err)
	}
	return Hash(h.Sum(nil)), nil
}

// StepEscrow does one thing that an escrow waits for: a choice, a deposit, a
// payment to an approved payee, a fact; or, where none is set, passes a deadline,
// which anybody may. Terms is the hash of what the author has read.
type StepEscrow struct {
	Escrow  EscrowID `json:"escrow"`
	Terms   Hash     `json:"terms"`
	Role    string   `json:"role,omitempty"`
	Choice  string   `json:"choice,omitempty"`
	Deposit *Amount  `json:"deposit,omitempty"`
	Coins   []CoinID `json:"coins,omitempty"` // that pay the deposit; change comes back
	Pay     *Amount  `json:"pay,omitempty"`
	To      string   `json:"to,omitempty"` // the role that Pay goes to
	Fact    string   `json:"fact,omitempty"`
	Value   int64    `json:"value,omitempty"`
	When    Time     `json:"when,omitempty"` // at which the fact was so
	Job     JobID    `json:"job,omitempty"`  // whose end the terms wait for; read from the ledger

	Evidence *Hash `json:"evidence,omitempty"` // EvidenceDigest of what is shown with Choice
}

// Command implements Body.
func (StepEscrow) Command() string { return "escrow.step" }

// Check implements Body.
func (b StepEscrow) Check() error {
	set := 0
	for _, is := range []bool{b.Choice != "", b.Deposit != nil, b.Pay != nil, b.Fact != "", b.Job != ""} {
		if is {
			set++
		}
	}
	switch {
	case set > 1:
		return errors.New("a step is one thing")
	case (b.Deposit != nil) != (len(b.Coins) > 0):
		return errors.New("a deposit, and nothing else, names the coins that pay it")
	case (b.Pay != nil) != (b.To != ""):
		return errors.New("a payment, and nothing else, names who gets it")
	case b.Evidence != nil && (b.Choice == "" || b.Evidence.IsZero()):
		return errors.New("evidence goes with a choice")
	case (set == 0 || b.Job != "") != (b.Role == ""):
		return errors.New("a step that somebody takes names the role")
	case b.Job != "" && CheckID(b.Job, "job") != nil:
		return CheckID(b.Job, "job")
	}
	return CheckID(b.Escrow, "escrow")
}
