package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/credit"
	"manx/health/deid"
	"manx/ledger"
	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal/sealtest"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/score"
)

// creditFile returns a file whose every number is distinctive, and the needles
// in it.
func creditFile(t testing.TB) ([]byte, []needle) {
	t.Helper()
	var v credit.Values
	v[credit.CreditLimit] = 15_873_261
	for m := range credit.Months {
		v[credit.Bill+m] = 10_234_567 + int64(m)*131_071
		v[credit.Paid+m] = 11_345_679 + int64(m)*98_321
	}
	v[credit.Delay] = 2
	f, err := credit.New(v)
	check(t, err)
	var b bytes.Buffer
	check(t, credit.Write(&b, f, reveal.Token{}))
	row := strings.Split(strings.TrimSpace(b.String()), "\n")[1]
	needles := []needle{{"the row of the credit file", []byte(row)}}
	for _, cell := range strings.Split(row, ",") {
		if len(cell) >= prefix {
			needles = append(needles, needle{"a field of the credit file", []byte(cell)})
		}
	}
	return b.Bytes(), needles
}

// Both stories are told with marks in everything that is the owner's; then every
// file, log, exchange and process that is not hers is searched for them, for her
// pixels and for her keys.
func TestInvariant1_NothingOfTheOwnerOutsideHerDevice(t *testing.T) {
	ctx := ctxOf(t)
	private := net.path("private") // the patient's and the borrower's own disks
	s := &stories{Test: t, private: private}
	study, late, ids, pixels := ct(t, private, 11)
	csv, fields := creditFile(t)
	s.health(ctx, study, late)
	inMemory := append(append([]needle{}, ids...), pixels...)
	inMemory = append(inMemory, s.secrets()...)
	s.empty("the worker's memory after a diagnosis", inMemory, net.worker.Process.Pid)
	s.credit(ctx, csv)
	hers := append(inMemory, fields...)
	hers = append(hers, s.secrets()...)
	s.empty("the worker's memory after a score", hers, net.worker.Process.Pid)
	s.empty("the node's memory", hers, net.node.Process.Pid)

	f := newFinder(t, hers)
	own := []string{private, net.path("bin"), net.path("homes", "patient"), net.path("homes", "borrower"),
		net.path("homes", "hospital"), net.path("homes", "new device"), s.released}
	found, files, size := f.folder(t, net.dir, own...)
	for _, x := range found {
		t.Errorf("found: %s", x)
	}
	t.Logf("%d files of %.0f MB and %d exchanges hold none of %d needles", files, float64(size)/1e6, net.wire.n, len(hers))
	for _, must := range []string{"node/ledger/ledger.db", "node/index.db", "node/queue", "node/ipfs/0", "node/release", "node.log", "worker.log", "wire/000001", "homes/lender"} {
		if _, err := os.Stat(net.path(must)); err != nil {
			t.Errorf("%s was not searched: %v", must, err)
		}
	}
	// What was released for research is clean of all but the pixels.
	found, files, _ = newFinder(t, append(ids, s.secrets()...)).folder(t, s.released)
	for _, x := range found {
		t.Errorf("in what was released for research: %s", x)
	}
	if files < 40 {
		t.Errorf("%d files were released for research", files)
	}
	s.controls(ctx, f, ids, own)
}

// stories tells what the owners do.
type stories struct {
	Test     *testing.T
	private  string
	released string // what the research institute opened
}

// secrets returns the keys in both owners' keyrings as they are now, and in the
// recovered one.
func (s *stories) secrets() (out []needle) {
	for _, who := range []string{"patient", "borrower", "new device"} {
		file := net.path("homes", who, "keyring.age")
		if _, err := os.Stat(file); err == nil {
			out = append(out, keys(s.Test, file, passphraseOf(who))...)
		}
	}
	if p := net.parties["patient health"]; p != nil {
		words := strings.Fields(p.Home.Keys.Kit().Phrase().Reveal(reveal.Token{}))
		out = append(out, needle{"the recovery phrase", []byte(strings.Join(words[:4], " "))})
	}
	return out
}

// empty searches a process that must hold none of the needles.
func (s *stories) empty(where string, needles []needle, pid int) {
	s.Test.Helper()
	found, size := newFinder(s.Test, needles).memory(s.Test, pid)
	for _, x := range found {
		s.Test.Errorf("in %s: %s", where, x)
	}
	if size < 16<<20 {
		s.Test.Errorf("only %d bytes of %s could be read", size, where)
	}
	s.Test.Logf("%s: %.0f MB searched", where, float64(size)/1e6)
}

func (s *stories) health(ctx context.Context, study, late string) {
	t := s.Test
	p, hospital := net.patient(t), net.hospital(t)
	institute := net.party(t, "institute", ledger.Hospital, ledger.Health)
	net.model(t, p, "lung-ct")
	added, err := patient.Add(ctx, p, silent, study)
	check(t, err)
	if len(added) != 1 || len(added[0].Rejected) > 0 {
		t.Fatalf("added %+v", added)
	}
	record := added[0].Record
	net.records["patient"] = record
	added, err = patient.Add(ctx, p, silent, late)
	check(t, err)
	if added[0].Version != 2 || added[0].New != 2 {
		t.Fatalf("late slices: %+v", added)
	}
	info, err := p.Info(ctx)
	check(t, err)
	give := func(r ledger.RecordID, to *owner.Party, purpose ledger.Purpose) ledger.GrantID {
		g, err := p.Grant(ctx, ledger.GiveGrant{Record: r, To: to.ID(), Purpose: purpose, Access: ledger.Read, Until: info.Now + 86400})
		check(t, err)
		return g.ID
	}
	care := give(record, hospital, ledger.Care)
	opened, _, err := hospital.OpenGranted(ctx, care, 0)
	check(t, err)
	n, _, err := patient.Write(ctx, opened, net.path("homes", "hospital", "study"))
	check(t, err)
	if n != 42 {
		t.Fatalf("the hospital opened %d files", n)
	}
	d, err := patient.Deidentify(ctx, p, record, deid.Options{}, silent)
	check(t, err)
	if len(d.Held) > 0 {
		t.Fatalf("held: %v", d.Held)
	}
	research := give(d.Record, institute, ledger.Research)
	opened, _, err = institute.OpenGranted(ctx, research, 0)
	check(t, err)
	s.released = net.path("homes", "institute", "study")
	_, _, err = patient.Write(ctx, opened, s.released)
	check(t, err)
	check(t, p.Revoke(ctx, care))
	check(t, p.Revoke(ctx, research))
	if _, _, err := hospital.OpenGranted(ctx, care, 0); !notice.Is(err, notice.Denied) {
		t.Errorf("after revoking: %v", err)
	}
	check(t, p.Home.Backup(ctx))
	got, err := patient.Diagnose(ctx, p, record, "lung-ct", 3600, silent)
	check(t, err)
	pictures, err := patient.KeepPictures(ctx, p, got) // on her device only
	check(t, err)
	if len(pictures) != got.Slices {
		t.Errorf("%d pictures of %d slices", len(pictures), got.Slices)
	}
	t.Logf("finding on %d slices: %s", got.Slices, got.Finding.English)
}

func (s *stories) credit(ctx context.Context, csv []byte) {
	t := s.Test
	b, furnisher, lender := net.borrower(t), net.furnisher(t), net.lender(t)
	net.model(t, lender, score.DefaultModel)
	sealed, _, err := score.Furnish(ctx, furnisher, b.ID(), bytes.NewReader(csv), time.Now())
	check(t, err)
	_, err = score.Add(ctx, b, sealed)
	check(t, err)
	id, err := score.Request(ctx, lender, b.ID(), score.DefaultModel, ledger.CreditTransaction, ledger.Amount{}, 3600)
	check(t, err)
	_, err = score.Consent(ctx, b, id, silent)
	check(t, err)
	v, err := score.Score(ctx, lender, id)
	check(t, err)
	if !v.Accepted || v.Score < v.Low || v.Score > v.High {
		t.Errorf("score %+v", v)
	}
	check(t, score.Dispute(ctx, b, furnisher.ID(), credit.Fields()[credit.Delay].Name))

	// The patient loses her device, and recovers on a new one.
	p := net.patient(t)
	check(t, p.Home.Backup(ctx))
	shares, err := p.Home.Keys.Kit().Shares(2, 3)
	check(t, err)
	kit, err := keyring.JoinShares([]string{shares[0].Reveal(reveal.Token{}), shares[2].Reveal(reveal.Token{})})
	check(t, err)
	h, _, err := owner.Recover(ctx, net.path("homes", "new device"), sealtest.Passphrase(t, passphraseOf("new device")), kit, net.front.URL)
	check(t, err)
	again, err := h.As(ledger.Health)
	check(t, err)
	if _, _, err := again.OpenOwn(ctx, net.records["patient"], 0); err != nil {
		t.Errorf("on the new device: %v", err)
	}
	p.Close()
	check(t, p.Home.Close())
	net.parties["patient health"] = again
}

// controls plant needles where they must not be and see them found.
func (s *stories) controls(ctx context.Context, f *finder, ids []needle, own []string) {
	t := s.Test
	all, _, _ := newFinder(t, ids).folder(t, s.private)
	for _, id := range ids {
		if !strings.Contains(strings.Join(all, "\n"), id.name) {
			t.Errorf("%s is not even in the study", id.name)
		}
	}
	plantedFile := filepath.Join(net.nodeDir(), "release", "planted")
	check(t, os.WriteFile(plantedFile, []byte("x"+fmt.Sprintf("%x", markName)), 0o600))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, net.front.URL+"/v1/commands", strings.NewReader(`{"body":"`+chinese+`"}`))
	check(t, err)
	resp, err := http.DefaultClient.Do(req)
	check(t, err)
	check(t, resp.Body.Close())
	found, _, _ := f.folder(t, net.dir, own...)
	text := strings.Join(found, "\n")
	if !strings.Contains(text, markName+" in "+plantedFile) || !strings.Contains(text, chinese+" in "+net.path("wire")) {
		t.Errorf("what was planted in a file and in a body is not found: %s", text)
	}
	check(t, errors.Join(os.Remove(plantedFile), os.Remove(filepath.Join(net.wire.dir, fmt.Sprintf("%06d", net.wire.n)))))
	id := net.worker.Process.Pid
	if found, _ := newFinder(t, []needle{{"canary", []byte(canary)}}).memory(t, id); len(found) == 0 {
		t.Error("what was planted in the worker's environment is not found in its memory")
	}
}
