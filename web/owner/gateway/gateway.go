// Package gateway is a hospital's door between its PACS and the exchange, inside its
// walls: studies come in by DICOMweb (STOW-RS) on a loopback address or into a folder,
// are sealed under the hospital's own key and uploaded, and get a de-identified copy
// beside them. Files that may show text or a face are kept out of the copy until a
// person has looked at them.
//
// It only dials out to the exchange. Files lie in the clear in its folder from when
// they came until they are uploaded, as they do in the PACS. What tells patients from
// pseudonyms, and everything else it keeps, is sealed under the hospital's keyring and
// leaves the machine never.
package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"manx/health"
	"manx/health/deid"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// A Gateway is one hospital's. Its exported fields are set before Open.
type Gateway struct {
	Party   *owner.Party  // role ledger.Hospital
	Dir     string        // its folder; "in" in it is watched for what is dropped there
	Log     *slog.Logger  // nil: none
	Settle  time.Duration // how long nothing more comes of a study before it is taken; 0 means 5 s
	Options deid.Options

	mu   sync.Mutex
	kept kept
	wake chan struct{}
}

// kept is what the gateway remembers, sealed.
type kept struct {
	Items    []Item                       `json:"items"`
	People   []Person                     `json:"people"`
	Held     []Held                       `json:"held"`
	Released map[ledger.RecordID][]string `json:"released"` // ids of objects that a person released
	PACS     int64                        `json:"pacs"`     // when something came by DICOMweb, seconds since 1970
}

// A Stage is how far an Item has come.
type Stage string

// The stages.
const (
	Received     Stage = "received"
	Uploaded     Stage = "uploaded"     // sealed, spread and registered
	Deidentified Stage = "deidentified" // and its copy too: all is done
	Failed       Stage = "failed"       // Retry goes on with it
)

// An Item is a study, or what was dropped as one, on its way. It names no patient.
type Item struct {
	ID      string            `json:"id"`
	From    string            `json:"from"` // pacs or folder
	Came    int64             `json:"came"` // first, seconds since 1970
	Last    int64             `json:"last"` // something of it came, milliseconds since 1970
	Files   int               `json:"files"`
	Bytes   int64             `json:"bytes"`
	Stage   Stage             `json:"stage"`
	Records []ledger.RecordID `json:"records,omitempty"`
	Copies  []ledger.RecordID `json:"copies,omitempty"` // de-identified
	Held    int               `json:"held"`             // files that wait for a person's look
	Left    int               `json:"left"`             // files that were no use
	Tries   int               `json:"tries"`
	Problem *notice.Error     `json:"problem,omitempty"`
}

// A Person is whose pseudonym is which: for the eyes of the hospital alone.
type Person struct {
	ID        string          `json:"id"` // as the PACS knows him
	Name      string          `json:"name"`
	Born      string          `json:"born"`
	Date      string          `json:"date"` // of the study
	Pseudonym string          `json:"pseudonym"`
	Record    ledger.RecordID `json:"record"`
	Copy      ledger.RecordID `json:"copy"`
}

// Held is a file that was kept out of a copy.
type Held struct {
	Record ledger.RecordID `json:"record"`
	File   string          `json:"file"` // the object's id
	Reason string          `json:"reason"`
	May    bool            `json:"may"` // a person who sees nothing in it may release it
}

const stateFile = "gateway.sealed"

// Open reads what was kept. The gateway works from Run on.
func (g *Gateway) Open() error {
	if g.Log == nil {
		g.Log = slog.New(slog.DiscardHandler)
	}
	if g.Settle == 0 {
		g.Settle = 5 * time.Second
	}
	g.wake = make(chan struct{}, 1)
	for _, d := range []string{g.in(), g.spool("")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("make the gateway's folder: %w", err)
		}
	}
	g.kept.Released = map[ledger.RecordID][]string{}
	b, err := os.ReadFile(filepath.Join(g.Dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the gateway's state: %w", err)
	}
	key, err := g.key()
	if err != nil {
		return err
	}
	plain, err := seal.Open(key, b)
	if err == nil {
		err = json.Unmarshal(plain, &g.kept)
	}
	if err != nil {
		return notice.Because(err, notice.Integrity, "what the gateway kept is damaged", "move "+stateFile+" away: studies that are stored stay stored, the list of pseudonyms is lost")
	}
	if g.kept.Released == nil {
		g.kept.Released = map[ledger.RecordID][]string{}
	}
	return nil
}

func (g *Gateway) in() string             { return filepath.Join(g.Dir, "in") }
func (g *Gateway) spool(id string) string { return filepath.Join(g.Dir, "spool", id) }
func (g *Gateway) taken(id string) string { return filepath.Join(g.Dir, "taken", id) }

func (g *Gateway) key() (seal.Key, error) {
	salt, err := g.Party.Keys.Salt("gateway")
	if err != nil {
		return seal.Key{}, err
	}
	b := salt.Reveal(reveal.Token{})
	return seal.KeyOf(b[:16])
}

// change changes what is kept, and keeps it.
func (g *Gateway) change(f func(k *kept)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.kept)
	b, err := json.Marshal(g.kept)
	if err != nil {
		return fmt.Errorf("encode the gateway's state: %w", err)
	}
	key, err := g.key()
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(key, b)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(g.Dir, stateFile), sealed)
}

// Run takes studies until ctx ends, and returns nil then. What fails waits for Retry.
func (g *Gateway) Run(ctx context.Context) error {
	for {
		if err := g.sweep(time.Now()); err != nil {
			g.Log.WarnContext(ctx, "the gateway cannot read its folder", "err", err)
		}
		for _, it := range g.Items() {
			if it.Stage == Received && time.Since(time.UnixMilli(it.Last)) >= g.Settle || it.Stage == Uploaded {
				g.work(ctx, it)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-g.wake:
		case <-time.After(time.Second):
		}
	}
}

func (g *Gateway) nudge() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// sweep takes what lies in the folder "in" and has not changed for a while.
func (g *Gateway) sweep(now time.Time) error {
	all, err := os.ReadDir(g.in())
	if err != nil {
		return err
	}
	for _, e := range all {
		var last time.Time
		files, size := 0, int64(0)
		err := filepath.WalkDir(filepath.Join(g.in(), e.Name()), func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			i, err := d.Info()
			if err != nil {
				return err
			}
			if i.ModTime().After(last) {
				last = i.ModTime()
			}
			if !d.IsDir() {
				files, size = files+1, size+i.Size()
			}
			return nil
		})
		if err != nil || files == 0 || now.Sub(last) < g.Settle {
			continue // it is still being written, or gone
		}
		id := idOf(fmt.Sprintf("folder/%s/%d", e.Name(), now.UnixNano()))
		if err := os.MkdirAll(g.spool(id), 0o700); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(g.in(), e.Name()), filepath.Join(g.spool(id), "dropped")); err != nil {
			return err
		}
		if err := g.change(func(k *kept) {
			k.Items = append(k.Items, Item{ID: id, From: "folder", Came: now.Unix(), Last: last.UnixMilli(), Files: files, Bytes: size, Stage: Received})
		}); err != nil {
			return err
		}
	}
	return nil
}

// idOf names an item by what only this machine knows of it, without saying that.
func idOf(text string) string {
	h := sha256.Sum256([]byte("manx/gateway/v1\x00" + text))
	return hex.EncodeToString(h[:8])
}

// work does what comes next for an item.
func (g *Gateway) work(ctx context.Context, it Item) {
	err := g.take(ctx, &it)
	if ctx.Err() != nil {
		return // it goes on when the gateway runs again
	}
	it.Tries++
	it.Problem = nil
	if err != nil {
		it.Stage, it.Problem = Failed, notice.From(err)
		g.Log.WarnContext(ctx, "a study waits", "item", it.ID, "err", it.Problem.Text)
	}
	if err := g.change(func(k *kept) { k.put(it) }); err != nil {
		g.Log.WarnContext(ctx, "the gateway cannot keep its state", "err", err)
	}
}

// put replaces an item, unless files of it came in the meantime: then it begins anew.
func (k *kept) put(it Item) {
	i := slices.IndexFunc(k.Items, func(o Item) bool { return o.ID == it.ID })
	if i < 0 || k.Items[i].Last > it.Last {
		return
	}
	k.Items[i] = it
}

// take uploads an item, then makes its copies.
func (g *Gateway) take(ctx context.Context, it *Item) error {
	if it.Stage == Received {
		if err := g.aside(it.ID); err != nil {
			return err
		}
		added, err := patient.Add(ctx, g.Party, nil, g.taken(it.ID))
		it.Records, it.Left = nil, 0
		for _, a := range added {
			it.Left += len(a.Rejected)
			if a.Record != "" {
				it.Records = append(it.Records, a.Record)
			}
		}
		if err != nil {
			return err
		}
		it.Stage = Uploaded
		if err := g.change(func(k *kept) { k.put(*it) }); err != nil {
			return err
		}
	}
	people, err := g.people(ctx, it)
	if err != nil {
		return err
	}
	it.Copies, it.Held = nil, 0
	for _, r := range it.Records {
		copied, held, err := g.deidentify(ctx, r)
		if err != nil {
			return err
		}
		it.Held += held
		if copied.Record == "" {
			continue
		}
		it.Copies = append(it.Copies, copied.Record)
		if err := g.change(func(k *kept) { k.know(people, r, copied) }); err != nil {
			return err
		}
	}
	it.Stage = Deidentified
	return os.RemoveAll(g.taken(it.ID))
}

// aside puts what came of an item where nothing more is added, so that what comes from
// now on is not removed with it.
func (g *Gateway) aside(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := os.MkdirAll(g.taken(id), 0o700); err != nil {
		return fmt.Errorf("take a study: %w", err)
	}
	all, err := os.ReadDir(g.spool(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was put aside before
	}
	for _, e := range all {
		err = errors.Join(err, os.Rename(filepath.Join(g.spool(id), e.Name()), filepath.Join(g.taken(id), e.Name())))
	}
	return errors.Join(err, os.Remove(g.spool(id)))
}

// deidentify makes or completes a record's copy, and notes what is held.
func (g *Gateway) deidentify(ctx context.Context, r ledger.RecordID) (patient.Derived, int, error) {
	g.mu.Lock()
	released := slices.Clone(g.kept.Released[r])
	g.mu.Unlock()
	d, err := patient.DeidentifyReviewed(ctx, g.Party, r, g.Options, released, nil)
	if err != nil && len(d.ForReview) == 0 {
		return d, 0, err
	}
	err = g.change(func(k *kept) {
		k.Held = slices.DeleteFunc(k.Held, func(h Held) bool { return h.Record == r })
		for _, f := range d.ForReview {
			k.Held = append(k.Held, Held{r, f.ID, f.Reason, f.May})
		}
	})
	return d, len(d.ForReview), err
}

// people reads who a received study says it is of, by record; none once its files are
// gone: then they are known.
func (g *Gateway) people(ctx context.Context, it *Item) (map[ledger.RecordID]Person, error) {
	out := map[ledger.RecordID]Person{}
	if _, err := os.Stat(g.taken(it.ID)); err != nil {
		return out, nil
	}
	in, err := health.ReadStudies(ctx, g.taken(it.ID))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	for i := range min(len(in.Studies), len(it.Records)) {
		who := in.Studies[i].Patient.Reveal(reveal.Token{})
		out[it.Records[i]] = Person{ID: who.ID, Name: who.Name, Born: who.BirthDate, Date: in.Studies[i].Date.Reveal(reveal.Token{}), Record: it.Records[i]}
	}
	return out, nil
}

// know notes whose copy it is.
func (k *kept) know(people map[ledger.RecordID]Person, r ledger.RecordID, d patient.Derived) {
	i := slices.IndexFunc(k.People, func(p Person) bool { return p.Record == r })
	if i < 0 {
		p, ok := people[r]
		if !ok {
			return
		}
		k.People, i = append(k.People, p), len(k.People)
	}
	k.People[i].Copy = d.Record
	if d.Patient != "" {
		k.People[i].Pseudonym = d.Patient
	}
}

// Items returns what came, newest first.
func (g *Gateway) Items() []Item {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := slices.Clone(g.kept.Items)
	slices.Reverse(out)
	return out
}

// Waiting returns the files that are held.
func (g *Gateway) Waiting() []Held {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Held{}, g.kept.Held...)
}

// Heard returns when something came by DICOMweb, 0 for never.
func (g *Gateway) Heard() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.kept.PACS
}

// Retry has an item that failed go on.
func (g *Gateway) Retry(id string) error {
	found := false
	err := g.change(func(k *kept) {
		for i := range k.Items {
			if it := &k.Items[i]; it.ID == id && it.Stage == Failed {
				found, it.Stage, it.Problem = true, Received, nil
				if len(it.Records) > 0 {
					it.Stage = Uploaded
				}
			}
		}
	})
	if err == nil && !found {
		err = notice.New(notice.NotFound, "no study of that name has failed", "look at the list again")
	}
	g.nudge()
	return err
}
