// Package api holds the words of the HTTP interface that server and client
// share: paths, headers and JSON shapes. It knows no HTTP framework.
package api

import (
	"encoding/json"
	"strings"

	"manx/ledger"
	"manx/ml/watch"
)

// Paths. A node's storage is at Nodes + "/<n>/blobs/<cid>", an organisation's
// release service at Organisations + "/<party>/wraps".
const (
	Network       = "/v1/network"
	Sessions      = "/v1/sessions"
	Commands      = "/v1/commands"
	State         = "/v1/state"  // ?key=
	Events        = "/v1/events" // ?from=; server-sent events
	Admissions    = "/v1/admissions"
	Faucet        = "/v1/faucet"
	Tickets       = "/v1/tickets"
	Workers       = "/v1/pool"
	Mine          = "/v1/me"        // + "/<word>": rec, grant, job, coin, escrow, overlap, sum, training, holding
	Movements     = "/v1/movements" // ?from=&before=&after=; of the caller's coins
	Models        = "/v1/models"
	Log           = "/v1/log"      // ?before=&limit=&name=&about=; for auditors; + "/<height>/<n>"
	Mints         = "/v1/mints"    // every change of the supply
	Uses          = "/v1/usage"    // ?model=&from=&before=; of calls that the caller took part in
	Watch         = "/v1/watch"    // ?model=; how those who ask a model of the caller's call it
	Receipts      = "/v1/receipts" // + "/<job>"
	Nodes         = "/v1/nodes"
	Organisations = "/v1/organisations"
	Jobs          = "/v1/jobs"  // + "/<job>", and "/events" of it
	Staff         = "/v1/staff" // + "/<party>/sign-ins"
	StaffSessions = Staff + "/sessions"
	Document      = "/v1/openapi.json"
	Reference     = "/v1/reference" // + "/<file>"
)

// Public reports whether state under a key is read without a session: parties'
// public keys and seats, and who holds the network's key for CKKS together.
func Public(key string) bool {
	part := strings.Split(key, "/")
	return key == string(ledger.CommitteeNow) || key == string(ledger.PortalKey) || strings.HasPrefix(key, string(ledger.PortalKey)+"/") || len(part) > 2 && (part[1] == "p" || part[1] == "committee")
}

// MaxJSON bounds a JSON body in either direction.
const MaxJSON = 1 << 20

// NetworkInfo is what a client learns before it trusts anything: it pins
// Genesis and compares its id ever after.
type NetworkInfo struct {
	Genesis ledger.Genesis `json:"genesis"`
	Now     ledger.Time    `json:"now"`
	Nodes   int            `json:"nodes"`  // storage nodes
	Ledger  string         `json:"ledger"` // "embedded: one party's word", …
	Version string         `json:"version"`
}

// Submitted is the answer to a command.
type Submitted struct {
	Height ledger.Height `json:"height"`
	Job    ledger.JobID  `json:"job,omitempty"` // that begins
}

// Applied says that a command was applied.
type Applied struct {
	ID ledger.CommandID `json:"id"`
}

// A Ticket lets a worker reach the queue of jobs.
type Ticket struct {
	Text string `json:"text"`
}

// A Pool is the workers that advertise themselves and what waits for them.
type Pool struct {
	Workers []Worker           `json:"workers"`
	Waiting int                `json:"waiting"`               // jobs that no worker has
	Running int                `json:"running"`               // jobs that a worker has claimed
	Depth   map[string]int     `json:"queue_depth"`           // waiting, by class of machine or runtime
	Wait    map[string]float64 `json:"expected_wait_seconds"` // of a job that comes now, by class
}

// A Worker is what a worker says of itself, and what the node makes of it.
type Worker struct {
	Party     ledger.PartyID     `json:"worker"`
	Rates     map[string]float64 `json:"rates"` // operations a second, measured, by class
	Price     float64            `json:"price"` // the least it works for, in MAN for 10¹² operations
	Bandwidth float64            `json:"bandwidth"`
	Slots     int                `json:"slots"`
	Given     int                `json:"given"` // jobs on its line, the one in hand included
	Keys      int                `json:"keys"`  // evaluation keys that it holds
	Cache     int64              `json:"cache_bytes"`
	Running   int                `json:"running"`
	Done      uint64             `json:"done"`
	Failed    uint64             `json:"failed"`
	Draining  bool               `json:"draining"`
	Silent    float64            `json:"silent_seconds"`
	Holder    bool               `json:"holder,omitempty"` // of shares: it computes with two others, and takes no job off a line
	Trust     float64            `json:"trust"`            // the part of its results that are held to be right, by its standing on the ledger
}

// A Page is part of a list; Next, where not 0, asks for the following part.
type Page struct {
	Items []json.RawMessage `json:"items"`
	Next  ledger.Height     `json:"next,omitempty"`
}

// A Logged event has its place among those of its height, from 0.
type Logged struct {
	ledger.Event
	N  int         `json:"n"`
	At ledger.Time `json:"at,omitempty"` // contract time when it happened
}

// A Statement is what moved a party's coins, who held Opening before; Next, where
// not 0, is the height after which there is more.
type Statement struct {
	Opening   ledger.Amount `json:"opening"`
	Movements []Movement    `json:"movements"`
	Next      ledger.Height `json:"next,omitempty"`
}

// A Movement is one coin that came to a party or left it.
type Movement struct {
	Height  ledger.Height    `json:"height"`
	Time    ledger.Time      `json:"time"` // of the ledger
	In      bool             `json:"in"`
	Coin    ledger.CoinID    `json:"coin"`
	Amount  ledger.Amount    `json:"amount"`
	Balance ledger.Amount    `json:"balance"`      // of the party after it
	What    string           `json:"what"`         // sent, received, issued, burnt, or the event that came with it: job.settled, escrow.stepped
	Of      ledger.Key       `json:"of,omitempty"` // what that event was about; empty where the command did the same to several
	As      string           `json:"as,omitempty"` // the role that its terms paid with the coin
	Cause   ledger.CommandID `json:"cause"`
}

// Usage is what calls came to, month by month, for the party that reads it.
type Usage struct {
	Months []Used `json:"months"`
}

// Used is one month of one model in which the reader was one thing.
type Used struct {
	Month   string         `json:"month"` // 2026-11, UTC
	Model   ledger.ModelID `json:"model"`
	Role    string         `json:"role"` // asker, subject, model-owner, worker, contributor-1 …
	Calls   int            `json:"calls"`
	Settled int            `json:"settled"` // the others were refunded
	Earned  ledger.Amount  `json:"earned"`  // by the reader as that; of an asker, what came back
	Spent   ledger.Amount  `json:"spent"`   // of an asker: the fees; nothing for others

	// Who asked, for the model's owner and for a subject of her own data; absent
	// for everybody else.
	Askers []Asked `json:"askers,omitempty"`
}

// Asked is how often somebody asked.
type Asked struct {
	Asker ledger.PartyID `json:"asker"`
	Calls int            `json:"calls"`
}

// Watched is how one asker calls a model: its report, and since when its calls were
// looked at.
type Watched struct {
	Asker  ledger.PartyID `json:"asker"`
	Since  ledger.Time    `json:"since"`
	Report watch.Report   `json:"report"`
}
