package wraps_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/ledger/ledgertest"
	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage/wraps"
)

// A scene has a ledger, two release services, a patient and a hospital.
type scene struct {
	*ledgertest.Story
	services          [2]*wraps.Service
	folders           [2]string
	patient, hospital *ledgertest.Key
	identity          seal.Identity // the hospital's
	record            ledger.RecordID
	key               seal.Key // of the record's version 1
}

func begin(t *testing.T) *scene {
	t.Helper()
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	var now atomic.Int64
	now.Store(1_780_000_000)
	l, err := embedded.New(embedded.Config{Dir: t.TempDir(), Genesis: g, Node: orgs[0], Contract: contract.New(g), Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := &scene{Story: ledgertest.Begin(t, l, ledgertest.World{Genesis: g, Organisations: orgs,
		Now: func() ledger.Time { return ledger.Time(now.Load()) }, Advance: func(d ledger.Time) { now.Add(int64(d)) }})}
	for i := range s.services {
		s.folders[i] = t.TempDir()
		s.services[i] = s.serve(i)
	}
	s.patient, s.hospital = s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Hospital)
	s.identity, err = seal.NewIdentity()
	check(t, err)
	s.record, s.key = s.Study(s.patient), seal.NewKey()
	return s
}

// serve starts organisation i's service anew on its folder.
func (s *scene) serve(i int) *wraps.Service {
	s.T.Helper()
	f, err := wraps.NewFolder(s.folders[i])
	check(s.T, err)
	return &wraps.Service{Org: s.World.Organisations[i].Party(), Network: s.World.Genesis.ID(), Ledger: s.Ledger, Store: f}
}

func (s *scene) watch(i int) {
	ctx, cancel := context.WithCancel(s.T.Context())
	done := make(chan error)
	go func() { done <- s.services[i].Watch(ctx) }()
	s.T.Cleanup(func() { cancel(); check(s.T, <-done) })
}

func (s *scene) ask(i int, by ledger.Signer, b ledger.Body) ([]byte, error) {
	s.T.Helper()
	return s.services[i].Do(s.T.Context(), wraps.Request{Command: s.request(by, b)})
}

func (s *scene) request(by ledger.Signer, b ledger.Body) ledger.Command {
	s.T.Helper()
	c, err := ledger.NewCommand(s.World.Genesis.ID(), by, s.World.Now()+300, b)
	check(s.T, err)
	return c
}

// grant gives the hospital the record for care and deals out the parts: 0 and 1
// to the first organisation, 2 to the second.
func (s *scene) grant() ledger.GrantID {
	s.T.Helper()
	id := ledger.NewGrantID(ledger.Health, s.Do(s.patient, ledger.GiveGrant{Record: s.record, To: s.hospital.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 3600}))
	parts, err := seal.Split(s.key)
	check(s.T, err)
	for n, p := range parts {
		sealed, err := seal.SealPart(p, s.identity.Recipient())
		check(s.T, err)
		_, err = s.ask(n/2, s.patient, wraps.PutPart{Service: s.services[n/2].Org, Grant: id, Version: 1, Part: n, Sealed: sealed})
		check(s.T, err)
	}
	return id
}

func (s *scene) take(g ledger.GrantID, part int) (seal.Part, error) {
	s.T.Helper()
	i := part / 2
	b, err := s.ask(i, s.hospital, wraps.TakePart{Service: s.services[i].Org, Grant: g, Version: 1, Part: part})
	if err != nil {
		return seal.Part{}, err
	}
	return seal.OpenPart(b, s.identity)
}

// eventually waits for what a watching service does by itself.
func (s *scene) eventually(what string, ok func() bool) {
	s.T.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.T.Fatal("in vain: ", what)
		}
	}
}

// kept counts the files of one kind that a service holds.
func (s *scene) kept(i int, kind string) (n int) {
	s.T.Helper()
	err := filepath.WalkDir(filepath.Join(s.folders[i], kind), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	check(s.T, err)
	return n
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, what string, err error, kind notice.Kind, says string) {
	t.Helper()
	if !notice.Is(err, kind) || !strings.Contains(err.Error(), says) || notice.From(err).Hint == "" {
		t.Errorf("%s: got %v (%v), want %v and %q with a hint", what, err, notice.From(err).Kind, kind, says)
	}
}

func TestAGrantOpensTheRecord(t *testing.T) {
	s := begin(t)
	g := s.grant()
	var parts [3]seal.Part
	for n := range parts {
		var err error
		parts[n], err = s.take(g, n)
		check(t, err)
	}
	if k, err := seal.Join(parts); err != nil || !k.Equal(s.key) {
		t.Errorf("three parts gave another key, %v", err)
	}
	stranger := s.Party(ledger.Health, ledger.Hospital)
	_, err := s.ask(0, stranger, wraps.TakePart{Service: s.services[0].Org, Grant: g, Version: 1, Part: 1})
	refused(t, "a stranger", err, notice.Denied, "not yours")
	_, err = s.ask(0, s.patient, wraps.TakePart{Service: s.services[0].Org, Grant: g, Version: 1, Part: 1})
	refused(t, "the owner", err, notice.Denied, "not yours")
	_, err = s.ask(0, s.hospital, wraps.TakePart{Service: s.services[0].Org, Grant: g, Version: 1, Part: 2})
	refused(t, "a part of the other organisation", err, notice.Denied, "not yet given")
	_, err = s.ask(0, s.hospital, wraps.TakePart{Service: s.services[0].Org, Grant: g, Version: 2, Part: 1})
	refused(t, "no such version", err, notice.NotFound, "version")
	parts2, err := seal.Split(s.key)
	check(t, err)
	sealed, err := seal.SealPart(parts2[2], s.identity.Recipient())
	check(t, err)
	_, err = s.ask(0, s.patient, wraps.PutPart{Service: s.services[0].Org, Grant: g, Version: 1, Part: 2, Sealed: sealed})
	refused(t, "both parts to one organisation", err, notice.Conflict, "other organisation")
}

// The grantee kept the header, the shards and its own part, but had not opened.
func TestAfterRevokingNobodyOpens(t *testing.T) {
	s := begin(t)
	s.watch(0) // the second service is down
	g := s.grant()
	own, err := s.take(g, 0)
	check(t, err)
	s.Do(s.patient, ledger.RevokeGrant{Grant: g})
	for n := range 3 {
		_, err := s.take(g, n)
		refused(t, "a part after revoking", err, notice.Denied, "revoked")
	}
	s.eventually("the watching service destroys its parts", func() bool { return s.kept(0, "part") == 0 })
	if s.kept(1, "part") != 1 {
		t.Fatal("the second service was to be down")
	}
	s.services[1] = s.serve(1)
	s.watch(1)
	s.eventually("a service that was down destroys its part when it starts", func() bool { return s.kept(1, "part") == 0 })
	// Whatever the grantee puts in place of the parts it never got, its own
	// part opens nothing.
	if k, err := seal.Join([3]seal.Part{own, own, own}); err == nil && k.Equal(s.key) {
		t.Error("one part gave the key")
	}
	p, err := seal.Split(s.key)
	check(t, err)
	sealed, err := seal.SealPart(p[1], s.identity.Recipient())
	check(t, err)
	_, err = s.ask(0, s.patient, wraps.PutPart{Service: s.services[0].Org, Grant: g, Version: 1, Part: 1, Sealed: sealed})
	refused(t, "a part for a grant that was revoked", err, notice.Denied, "revoked")
}

func TestGrantsExpire(t *testing.T) {
	s := begin(t)
	s.watch(0)
	s.watch(1)
	g := s.grant()
	s.Wait(3601)
	_, err := s.take(g, 1)
	refused(t, "a part after the end", err, notice.Denied, "expired")
	s.eventually("the parts are destroyed", func() bool { return s.kept(0, "part")+s.kept(1, "part") == 0 })
}

func TestErasingDestroysWrapsAndParts(t *testing.T) {
	s := begin(t)
	s.watch(0)
	s.grant()
	put := wraps.PutWrap{Service: s.services[0].Org, Record: s.record, Version: 1, Wrap: []byte("wrap")}
	_, err := s.ask(0, s.patient, put)
	check(t, err)
	s.Do(s.patient, ledger.EraseRecord{Record: s.record})
	s.eventually("all is destroyed", func() bool { return s.kept(0, "part")+s.kept(0, "wrap") == 0 })
	_, err = s.ask(0, s.patient, put)
	refused(t, "a wrap of an erased record", err, notice.Denied, "erased")
	// The other service was down, and sweeps.
	s.services[1] = s.serve(1)
	check(t, s.services[1].Sweep(t.Context()))
	if s.kept(1, "part") != 0 {
		t.Error("a part of an erased record is kept")
	}
}

// pausing is a ledger whose next read waits for something to be done.
type pausing struct {
	wraps.Ledger
	next func()
}

func (p *pausing) Read(ctx context.Context, k ledger.Key) ([]byte, error) {
	if do := p.next; do != nil && k != ledger.NowKey {
		p.next = nil
		do()
	}
	return p.Ledger.Read(ctx, k)
}

// A service that starts compares all it keeps with the ledger; who asks it to
// change something does not wait for that.
func TestAServiceAnswersWhileItSweeps(t *testing.T) {
	s := begin(t)
	s.grant()
	change := wraps.Request{Command: s.request(s.patient, wraps.DropWrap{Service: s.services[0].Org, Record: s.record})}
	slow := &pausing{Ledger: s.Ledger}
	s.services[0].Ledger = slow
	slow.next = func() {
		answered := make(chan error, 1)
		go func() {
			_, err := s.services[0].Do(t.Context(), change)
			answered <- err
		}()
		select {
		case err := <-answered:
			check(t, err)
		case <-time.After(10 * time.Second):
			t.Error("a request waits for the sweep")
		}
	}
	check(t, s.services[0].Sweep(t.Context()))
	if slow.next != nil {
		t.Error("the sweep read nothing")
	}
	if n := s.kept(0, "part"); n != 2 {
		t.Errorf("%d parts are kept, want 2", n)
	}
}

func TestInvariant8_WrapsAgainAndAgain(t *testing.T) {
	s := begin(t)
	org := s.services[0].Org
	put := s.request(s.patient, wraps.PutWrap{Service: org, Record: s.record, Version: 1, Wrap: []byte("first")})
	for range 3 { // the reply was lost
		_, err := s.services[0].Do(t.Context(), wraps.Request{Command: put})
		check(t, err)
	}
	take := wraps.TakeWrap{Service: org, Record: s.record, Version: 1}
	got, err := s.ask(0, s.patient, take)
	if err != nil || string(got) != "first" {
		t.Fatalf("took %q, %v", got, err)
	}
	_, err = s.ask(0, s.patient, wraps.PutWrap{Service: org, Record: s.record, Version: 1, Wrap: []byte("second")})
	check(t, err)
	_, err = s.services[0].Do(t.Context(), wraps.Request{Command: put}) // a late repeat of the first
	check(t, err)
	if got, err := s.ask(0, s.patient, take); err != nil || string(got) != "second" {
		t.Errorf("a repeated request undid a later one: %q, %v", got, err)
	}
	drop := s.request(s.patient, wraps.DropWrap{Service: org, Record: s.record})
	for range 2 {
		_, err := s.services[0].Do(t.Context(), wraps.Request{Command: drop})
		check(t, err)
	}
	_, err = s.services[0].Do(t.Context(), wraps.Request{Command: put})
	check(t, err)
	_, err = s.ask(0, s.patient, take)
	refused(t, "a dropped wrap", err, notice.NotFound, "no wrap")
}

func TestInvariant2_OnlyTheAuthorsOwnRequests(t *testing.T) {
	s := begin(t)
	org := s.services[0].Org
	good := s.request(s.patient, wraps.PutWrap{Service: org, Record: s.record, Version: 1, Wrap: []byte("wrap")})
	other := s.Party(ledger.Health, ledger.Person)
	ask := func(c ledger.Command) error {
		_, err := s.services[0].Do(t.Context(), wraps.Request{Command: c})
		return err
	}
	altered := good
	altered.Body = bytes.Replace(good.Body, []byte(`"version":1`), []byte(`"version":2`), 1)
	refused(t, "altered", ask(altered), notice.Denied, "not signed")
	longer := good
	longer.NotAfter++
	refused(t, "made to last longer", ask(longer), notice.Denied, "not signed")
	stolen := good
	stolen.Author = other.Party()
	refused(t, "under another's name", ask(stolen), notice.Denied, "not signed")
	refused(t, "another's record", ask(s.request(other, wraps.PutWrap{Service: org, Record: s.record, Version: 1, Wrap: []byte("w")})), notice.Denied, "not yours")
	refused(t, "unknown party", ask(s.request(ledgertest.NewKey(ledger.Health, rand.Reader), wraps.TakeWrap{Service: org, Record: s.record, Version: 1})), notice.Denied, "does not know")
	refused(t, "for another organisation", ask(s.request(s.patient, wraps.TakeWrap{Service: s.services[1].Org, Record: s.record, Version: 1})), notice.Denied, "another organisation")
	foreign, err := ledger.NewCommand("another", s.patient, s.World.Now()+300, wraps.TakeWrap{Service: org, Record: s.record, Version: 1})
	check(t, err)
	refused(t, "for another network", ask(foreign), notice.Invalid, "another network")
	lasting, err := ledger.NewCommand(s.World.Genesis.ID(), s.patient, s.World.Now()+wraps.MaxValidity+1, wraps.TakeWrap{Service: org, Record: s.record, Version: 1})
	check(t, err)
	refused(t, "valid for too long", ask(lasting), notice.Invalid, "seconds")
	refused(t, "a command of the ledger", ask(s.request(s.patient, ledger.EraseRecord{Record: s.record})), notice.Unsupported, "does not know")
	check(t, ask(good))
	s.Wait(301)
	refused(t, "stale", ask(good), notice.Expired, "out of date")
	if _, err := s.Submit(good); err == nil {
		t.Error("the ledger accepted a request to a release service")
	}
}

func TestBackups(t *testing.T) {
	s := begin(t)
	kit := keyring.NewKit()
	by := kitSigner{kit}
	org := s.services[0].Org
	put := func(sequence uint64, blob []byte) error {
		c := s.request(by, wraps.PutBackup{Service: org, Key: kit.Public(), Sequence: sequence, Digest: sha256.Sum256(blob)})
		_, err := s.services[0].Do(t.Context(), wraps.Request{Command: c, Attached: blob})
		return err
	}
	check(t, put(1, []byte("one")))
	check(t, put(2, []byte("two")))
	refused(t, "an older backup", put(1, []byte("one")), notice.Conflict, "newer")
	refused(t, "an empty backup", put(3, nil), notice.Invalid, "bytes")
	c := s.request(by, wraps.PutBackup{Service: org, Key: kit.Public(), Sequence: 3, Digest: sha256.Sum256([]byte("x"))})
	_, err := s.services[0].Do(t.Context(), wraps.Request{Command: c, Attached: []byte("y")})
	refused(t, "another blob than signed", err, notice.Integrity, "altered")
	got, err := s.ask(0, by, wraps.TakeBackup{Service: org, Key: kit.Public()})
	if err != nil || string(got) != "two" {
		t.Errorf("took %q, %v", got, err)
	}
	_, err = s.ask(0, kitSigner{keyring.NewKit()}, wraps.DropBackup{Service: org, Key: kit.Public()})
	refused(t, "another kit", err, notice.Denied, "not signed")
	_, err = s.ask(0, s.patient, wraps.DropBackup{Service: org, Key: kit.Public()})
	refused(t, "a party", err, notice.Denied, "not signed")
	locator := kit.Locator()
	if _, err := os.Stat(filepath.Join(s.folders[0], "backup", ledger.Hash(locator).String())); err != nil {
		t.Errorf("the backup is not where the keyring says: %v", err)
	}
	s.services[0].MaxBackups = 1
	full := kitSigner{keyring.NewKit()}
	c = s.request(full, wraps.PutBackup{Service: org, Key: full.kit.Public(), Sequence: 1, Digest: sha256.Sum256([]byte("x"))})
	_, err = s.services[0].Do(t.Context(), wraps.Request{Command: c, Attached: []byte("x")})
	refused(t, "one backup too many", err, notice.Exhausted, "no more")
	_, err = s.ask(0, by, wraps.DropBackup{Service: org, Key: kit.Public()})
	check(t, err)
	_, err = s.ask(0, by, wraps.TakeBackup{Service: org, Key: kit.Public()})
	refused(t, "a dropped backup", err, notice.NotFound, "no backup")
}

type kitSigner struct{ kit keyring.Kit }

func (k kitSigner) Party() ledger.PartyID { return wraps.BackupAuthor(k.kit.Public()) }
func (k kitSigner) Sign(m []byte) []byte  { return k.kit.Sign(m) }

func TestInvariant9_HostileRequests(t *testing.T) {
	s := begin(t)
	org := s.services[0].Org
	for name, b := range map[string]ledger.Body{
		"huge wrap": wraps.PutWrap{Service: org, Record: s.record, Version: 1, Wrap: make([]byte, wraps.MaxWrap+1)},
		"no wrap":   wraps.PutWrap{Service: org, Record: s.record, Version: 1},
		"version 0": wraps.TakeWrap{Service: org, Record: s.record},
		"no id":     wraps.TakeWrap{Service: org, Record: "../../etc", Version: 1},
		"part 3":    wraps.TakePart{Service: org, Grant: ledger.NewGrantID(ledger.Health, ledger.NewCommandID()), Version: 1, Part: 3},
		"short key": wraps.TakeBackup{Service: org, Key: []byte{1}},
	} {
		if b.Check() == nil {
			t.Errorf("%s passed its check", name)
		}
	}
	if _, err := wraps.ReadRequest(bytes.NewReader(bytes.Repeat([]byte("["), wraps.MaxRequest+1))); !notice.Is(err, notice.Invalid) {
		t.Errorf("a request over its bound gave %v", err)
	}
	f, err := wraps.NewFolder(t.TempDir())
	check(t, err)
	for _, name := range []string{"", "/", "..", "a/../b", "a//b", "/a", "A", "a/.b", strings.Repeat("a", 500), "a\x00"} {
		if err := f.Put(t.Context(), name, []byte("x")); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"command":{"network":"n","id":"00000000000000000000000000000000","name":"wrap.take","author":"a","not_after":1,"body":"e30=","sig":""}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := wraps.ReadRequest(bytes.NewReader(b))
		if err != nil {
			if !notice.Is(err, notice.Invalid) {
				t.Fatalf("error %v", err)
			}
			return
		}
		s := &wraps.Service{Network: q.Command.Network, Ledger: noLedger{}}
		if _, err := s.Do(t.Context(), q); err == nil {
			t.Fatal("an unsigned request was accepted")
		}
	})
}
