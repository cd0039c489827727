package canary

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"manx/health/chart"
	"manx/health/phantom"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// People are the persons as whom an organisation asks: each a home of its own, whose
// client does what anybody's does. One goroutine asks; all may call Mine and Spent.
type People struct {
	Dir     string // of their homes
	Address string // of a node

	mu   sync.Mutex
	mine map[ledger.PartyID]string // homes
}

const (
	partyFile = "party" // who it is, to be known without keys
	spentFile = "spent"
	passFile  = "passphrase"
)

// Open reads who there is.
func (p *People) Open() error {
	p.mine = map[ledger.PartyID]string{}
	homes, err := p.homes()
	if err != nil {
		return err
	}
	for _, h := range homes {
		b, err := os.ReadFile(filepath.Join(h, partyFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it had hardly begun
		}
		if err != nil {
			return fmt.Errorf("canaries: %w", err)
		}
		p.mine[ledger.PartyID(b)] = h
	}
	return nil
}

func (p *People) homes() ([]string, error) {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("canaries: %w", err)
	}
	all, err := filepath.Glob(filepath.Join(p.Dir, "*", passFile))
	for i, f := range all {
		all[i] = filepath.Dir(f)
	}
	return all, err
}

// Mine reports whether a party is one of these.
func (p *People) Mine(id ledger.PartyID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mine[id] != ""
}

// Spent has one of these ask nothing more.
func (p *People) Spent(id ledger.PartyID) error {
	p.mu.Lock()
	home := p.mine[id]
	p.mu.Unlock()
	if home == "" {
		return nil
	}
	return durable.WriteFile(filepath.Join(home, spentFile), nil)
}

// choose returns the home of somebody who has asked before, or of somebody new, as often.
func (p *People) choose() (string, error) {
	homes, err := p.homes()
	if err != nil {
		return "", err
	}
	homes = slices.DeleteFunc(homes, func(h string) bool {
		_, err := os.Stat(filepath.Join(h, spentFile))
		return err == nil
	})
	if len(homes) > 0 && chance() < .5 {
		return homes[int(chance()*float64(len(homes)))], nil
	}
	var b [24]byte
	_, _ = rand.Read(b[:])
	home := filepath.Join(p.Dir, hex.EncodeToString(b[:8]))
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", fmt.Errorf("canaries: %w", err)
	}
	return home, durable.WriteFile(filepath.Join(home, passFile), []byte(hex.EncodeToString(b[8:])))
}

// Ask asks like a job as one of these: over a record made up for it, by the same steps as
// `manx diagnose`. A result that does not open is disputed, as anybody would.
func (p *People) Ask(ctx context.Context, like ledger.Job, before Before) (err error) {
	home, err := p.choose()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(home, passFile))
	if err != nil {
		return fmt.Errorf("canaries: %w", err)
	}
	pass, err := seal.NewPassphrase(string(text))
	if err != nil {
		return err
	}
	h, err := owner.Open(home, pass, p.Address)
	if notice.Is(err, notice.NotFound) {
		h, err = owner.Join(ctx, home, pass, p.Address, string(ledger.Health))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	who, err := h.As(ledger.Health)
	if err != nil {
		return err
	}
	defer who.Close()
	p.mu.Lock()
	p.mine[who.ID()] = home
	p.mu.Unlock()
	if err := durable.WriteFile(filepath.Join(home, partyFile), []byte(who.ID())); err != nil {
		return err
	}
	if err := who.Register(ctx, ledger.Person, ""); err != nil {
		return err
	}
	if _, err := who.Faucet(ctx); err != nil && !notice.Is(err, notice.Conflict) {
		return err
	}
	m, err := owner.Get[ledger.Model](ctx, who.Client, like.Model)
	if err != nil {
		return err
	}
	if has, err := who.Balance(ctx); err != nil {
		return err
	} else if has.Cmp(m.Price) < 0 {
		return p.Spent(who.ID())
	}
	record, err := madeUp(ctx, who, m)
	if err != nil {
		return err
	}
	terms := patient.Terms{Life: like.Deadline - like.At[ledger.Asked]}
	if like.Proving != nil {
		proof := like.Proving.Proof
		terms.Proof = &proof
	}
	var id ledger.JobID
	terms.Before = func(ctx context.Context, job ledger.JobID, ask ledger.RequestJob) error {
		id = job
		return before(ctx, job, ask)
	}
	_, err = patient.DiagnoseWith(ctx, who, record, m.Name, terms, nil)
	if err == nil || id == "" {
		return err
	}
	j, gone := owner.Get[ledger.Job](ctx, who.Client, id)
	if gone == nil && j.Stage == ledger.Done {
		_, err = who.Do(ctx, ledger.DisputeJob{Job: id})
	}
	return err
}

// madeUp adds a record that a model reads: measurements at random, or a phantom.
func madeUp(ctx context.Context, p *owner.Party, m ledger.Model) (ledger.RecordID, error) {
	var seed [8]byte
	_, _ = rand.Read(seed[:])
	if slices.Contains(m.Accepts, ledger.Chart) {
		c, err := someChart()
		if err != nil {
			return "", err
		}
		a, err := patient.AddChart(ctx, p, c, "")
		return a.Record, err
	}
	dir, err := os.MkdirTemp("", "manx-study-")
	if err != nil {
		return "", fmt.Errorf("canaries: %w", err)
	}
	defer os.RemoveAll(dir)
	n, day := binary.LittleEndian.Uint64(seed[:]), "20261103"
	if slices.Contains(m.Features, "radiograph") {
		f, err := os.Create(filepath.Join(dir, "1.dcm"))
		if err != nil {
			return "", fmt.Errorf("canaries: %w", err)
		}
		r := phantom.Radiograph{Seed: n, Cloud: chance(), PatientID: hex.EncodeToString(seed[:]), Age: fmt.Sprintf("%03dY", 1+n%5), View: "AP", BodyPart: "CHEST", StudyDate: day}
		if err := errors.Join(r.Write(f), f.Close()); err != nil {
			return "", err
		}
	} else {
		s, err := phantom.New(phantom.Options{Seed: n, PatientID: hex.EncodeToString(seed[:]), Sex: "O", StudyDate: day, Nodule: phantom.Nodule{Diameter: 40 * chance(), HU: 40, X: -70, Y: 10, Z: 5}})
		if err != nil {
			return "", err
		}
		if err := s.WriteFolder(ctx, dir, 0, s.Slices()); err != nil {
			return "", err
		}
	}
	all, err := patient.Add(ctx, p, func(string, int64, int64) {}, dir)
	if err != nil || len(all) == 0 {
		return "", errors.Join(err, errors.New("canaries: no study was made"))
	}
	return all[0].Record, nil
}

// usual are the bounds between which amounts of a made-up chart lie.
//
//nolint:gochecknoglobals // a constant table
var usual = map[string][2]float64{"age": {30, 77}, "trestbps": {95, 180}, "chol": {150, 400}, "thalach": {90, 195}, "oldpeak": {0, 4}}

// someChart is measurements of nobody, one in eight not made.
func someChart() (chart.Chart, error) {
	var names, values []string
	for _, m := range chart.Measures() {
		if len(names) > 0 && chance() < .125 {
			continue
		}
		v := ""
		if len(m.Codes) > 0 {
			v = m.Codes[int(chance()*float64(len(m.Codes)))].Word
		} else if in, ok := usual[m.Name]; ok {
			v = fmt.Sprintf("%.0f", in[0]+chance()*(in[1]-in[0]))
		} else {
			continue
		}
		names, values = append(names, m.Name), append(values, v)
	}
	return chart.Read(strings.NewReader(strings.Join(names, ",") + "\n" + strings.Join(values, ",") + "\n"))
}
