package desk

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"manx/ledger"
	"manx/ledger/evidence"
	"manx/ledger/receipt"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/owner"
)

// A FoundEvent is one line of an auditor's search.
type FoundEvent struct {
	Height ledger.Height     `json:"height"`
	N      int               `json:"n"`
	Name   string            `json:"name"`
	Key    ledger.Key        `json:"key"`
	About  string            `json:"about"` // the id that the key is of
	At     ledger.Time       `json:"at"`    // contract time; 0 where it is not told
	Cause  ledger.CommandID  `json:"cause"`
	Bodied bool              `json:"bodied"` // it has a state
	Facts  map[string]string `json:"facts,omitempty"`
}

// Search is what an auditor looks for. Before is a height, 0 the newest.
type Search struct {
	Before ledger.Height `json:"before"`
	Name   string        `json:"name"`  // of an event, or a family: "job"
	About  string        `json:"about"` // an id
}

const eventsAPage = 50

// events searches the ledger of the auditor's side.
func (d *Desk) events(ctx context.Context, p *owner.Party, a Search, _ Show) (any, error) {
	found, next, err := p.Log(ctx, a.Before, eventsAPage, strings.TrimSpace(a.Name), strings.TrimSpace(a.About))
	if err != nil {
		return nil, err
	}
	out := struct {
		Events []FoundEvent  `json:"events"`
		Next   ledger.Height `json:"next"`
	}{[]FoundEvent{}, next}
	for _, e := range found {
		out.Events = append(out.Events, tellEvent(e))
	}
	return out, nil
}

// tellEvent reads out of an event's state what a line of a list shows.
func tellEvent(e api.Logged) FoundEvent {
	out := FoundEvent{Height: e.Height, N: e.N, Name: e.Name, Key: e.Key, About: idIn(e.Key), Cause: e.Cause, Bodied: len(e.Body) > 0, At: e.At, Facts: map[string]string{}}
	var body map[string]json.RawMessage
	if json.Unmarshal(e.Body, &body) != nil {
		return out
	}
	for _, k := range []string{"owner", "to", "asker", "worker", "proposer", "purpose", "stage", "kind", "role", "fee", "amount", "price", "version", "name", "record", "model"} {
		var text string
		if json.Unmarshal(body[k], &text) == nil && text != "" {
			out.Facts[k] = text
		}
	}
	return out
}

// An EventPage is one event, and what of it has been verified here.
type EventPage struct {
	FoundEvent
	Body     json.RawMessage `json:"body,omitempty"`
	Author   ledger.PartyID  `json:"author,omitempty"`
	Command  string          `json:"command,omitempty"` // what its author signed
	Said     json.RawMessage `json:"said,omitempty"`    // the command's body
	Cosigned int             `json:"cosigned,omitempty"`
	Evidence json.RawMessage `json:"evidence,omitempty"` // verified here
	Without  string          `json:"without,omitempty"`  // why there is no evidence
	Hint     string          `json:"hint,omitempty"`     // what to do about it
	Job      ledger.JobID    `json:"job,omitempty"`
	Receipt  json.RawMessage `json:"receipt,omitempty"` // a bundle, verified here
	Outcome  *ledger.Receipt `json:"outcome,omitempty"`

	Network ledger.NetworkID `json:"network"` // that the account has pinned, and evidence is verified for
}

// event fetches an event with its evidence, and its job's receipt where that has
// ended, and verifies both.
func (d *Desk) event(ctx context.Context, p *owner.Party, a struct {
	Height ledger.Height `json:"height"`
	N      int           `json:"n"`
}, _ Show) (any, error) {
	b, err := p.EventEvidence(ctx, a.Height, a.N)
	out := EventPage{Network: p.Home.Network.Genesis.ID()}
	switch {
	case notice.Is(err, notice.Unsupported):
		n := notice.From(err)
		out.Without, out.Hint = n.Text, n.Hint
		out.Height, out.N = a.Height, a.N
		return out, nil
	case err != nil:
		return nil, err
	}
	out.FoundEvent = tellEvent(api.Logged{Event: b.Event, N: a.N})
	out.Author, out.Command, out.Cosigned = b.Command.Author, b.Command.Name, len(b.Command.Cosigns)
	if json.Valid(b.Event.Body) {
		out.Body = b.Event.Body
	}
	if json.Valid(b.Command.Body) {
		out.Said = b.Command.Body
	}
	if out.Evidence, err = json.Marshal(b); err != nil {
		return nil, fmt.Errorf("encode evidence: %w", err)
	}
	if id := ledger.JobID(out.About); ledger.CheckID(id, "job") == nil {
		out.Job = id
		if r, bundle, err := p.VerifiedReceipt(ctx, id); err == nil {
			out.Outcome, out.Receipt = &r, bundle
		} else if !notice.Is(err, notice.NotFound) && !notice.Is(err, notice.Unavailable) {
			return nil, err
		}
	}
	return out, nil
}

// idIn returns the id that a key is of: "health-job-7f…" of health/job/7f…
func idIn(k ledger.Key) string {
	parts := strings.SplitN(string(k), "/", 4)
	if len(parts) < 3 {
		return string(k)
	}
	return parts[0] + "-" + parts[1] + "-" + parts[2]
}

// A Verdict says what a file proved.
type Verdict struct {
	Kind    string          `json:"kind"` // event, receipt or file
	Name    string          `json:"name"` // of the event, the job, the file
	By      ledger.PartyID  `json:"by,omitempty"`
	ByName  string          `json:"by_name,omitempty"`
	At      ledger.Time     `json:"at,omitempty"`
	Outcome *ledger.Receipt `json:"outcome,omitempty"`
}

// verify checks a file of evidence, a receipt, or a signed file with its signature, by
// the network that the home has pinned and nothing else.
func (d *Desk) verify(_ context.Context, p *owner.Party, a struct {
	Text string `json:"text"` // the evidence, receipt or signature
	File string `json:"file"` // that a signature is of
}, _ Show) (any, error) {
	return Verify([]byte(a.Text), []byte(a.File), p.Home.Network.Genesis.ID())
}

// Verify says what a file of evidence, a receipt or a signature with the file that it
// is of proves on a network, without asking anybody.
func Verify(text, file []byte, pinned ledger.NetworkID) (Verdict, error) {
	if b, err := receipt.Read(bytes.NewReader(text)); err == nil && len(b.Leaf.Receipt) > 0 {
		r, err := receipt.Verify(b, pinned)
		return Verdict{Kind: "receipt", Name: string(r.Job), At: r.At, Outcome: &r}, err
	}
	event, signature, err := evidence.Read(bytes.NewReader(text))
	if err != nil {
		return Verdict{}, err
	}
	if event != nil {
		return Verdict{Kind: "event", Name: event.Event.Name, By: event.Command.Author}, event.Verify(pinned)
	}
	who, err := signature.Verify(pinned, file)
	return Verdict{Kind: "file", Name: signature.Name, By: signature.By, ByName: who.Name, At: signature.At}, err
}

// An Extract is a search's events as a file, with the auditor's signature beside it.
type Extract struct {
	Name      string             `json:"name"`
	Text      string             `json:"text"`
	Events    int                `json:"events"`
	Signature evidence.Signature `json:"signature"`
}

const mostExtracted = 20_000

// extract writes all events of a search into one file, newest first, and signs it.
func (d *Desk) extract(ctx context.Context, p *owner.Party, a struct {
	Search
	Form string `json:"form"` // csv or json
}, show Show) (_ any, err error) {
	all := []FoundEvent{}
	for before := a.Before; ; {
		found, next, err := p.Log(ctx, before, 500, strings.TrimSpace(a.Name), strings.TrimSpace(a.About))
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			all = append(all, tellEvent(e))
		}
		show(Progress{Stage: "reading", Done: int64(len(all))})
		if before = next; next == 0 || len(all) > mostExtracted {
			break
		}
	}
	out := Extract{Name: "manx-events." + a.Form, Events: len(all)}
	switch a.Form {
	case "csv":
		out.Text, err = table(all)
	case "json":
		var b []byte
		b, err = json.MarshalIndent(all, "", " ")
		out.Text = string(b)
	default:
		return nil, notice.New(notice.Invalid, "an extract is csv or json", "choose one of them")
	}
	if err != nil {
		return nil, err
	}
	out.Signature, err = p.SignFile(ctx, out.Name, []byte(out.Text))
	return out, err
}

func table(all []FoundEvent) (string, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{{"height", "n", "event", "about", "key", "time", "command"}}
	for _, e := range all {
		at := ""
		if e.At > 0 {
			at = time.Unix(int64(e.At), 0).UTC().Format(time.RFC3339)
		}
		cause, err := e.Cause.MarshalText()
		if err != nil {
			return "", err
		}
		rows = append(rows, []string{fmt.Sprint(e.Height), fmt.Sprint(e.N), e.Name, e.About, string(e.Key), at, string(cause)})
	}
	err := w.WriteAll(rows)
	return b.String(), err
}

// builds lists the portals that the organisations have published, newest first: what a
// page is compared with.
func (d *Desk) builds(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	all, err := p.Portals(ctx)
	if all == nil {
		all = []ledger.Portal{}
	}
	return all, err
}
