package indextest

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/memory"
	"manx/storage/vault"
	"manx/web/index"
)

// Exec runs a statement past the index.
func Exec(t testing.TB, s index.Source, statement string) {
	t.Helper()
	driver, dsn := "sqlite", s.File
	if s.DSN != "" {
		driver, dsn = "pgx", s.DSN
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func newer(t *testing.T, s index.Source) {
	x := Open(t, s)
	h := Random(29, 50)
	follow(t, x, h)
	Exec(t, s, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)")
	_, err := s.Open(t.Context(), quiet())
	n := (*notice.Error)(nil)
	if !errors.As(err, &n) || n.Kind != notice.Unsupported || n.Hint == "" {
		t.Fatalf("an index of version 99 is opened: %v", err)
	}
	done, err := index.Rebuild(t.Context(), s, h, nodes(&[6]*memory.Blobs{{}, {}, {}, {}, {}, {}}), h.Height(), quiet())
	if err != nil || done.After.States == 0 {
		t.Fatalf("it is not made again: %v", err)
	}
	Same(t, Open(t, s), h)
}

// A network is a ledger and storage, told of by hand.
type network struct {
	History
	blobs [6]*memory.Blobs
}

func nodes(blobs *[6]*memory.Blobs) (out []storage.Blobs) {
	for _, b := range blobs {
		out = append(out, b)
	}
	return out
}

// told is a node's storage interface: it writes down who puts what.
type told struct {
	storage.Blobs
	x    *index.Index
	node int
	by   ledger.PartyID
}

func (b told) Put(ctx context.Context, p []byte) (storage.Ref, error) {
	if err := b.x.Uploaded(ctx, b.node, storage.RefOf(p).String(), b.by, len(p)); err != nil {
		return storage.Ref{}, err
	}
	return b.Blobs.Put(ctx, p)
}

func (b told) Delete(ctx context.Context, r storage.Ref) error {
	_, err := b.x.Remove(ctx, b.node, b.Blobs, r, b.by)
	return err
}

// as returns the storage nodes as a party uses them through a node.
func (n *network) as(t testing.TB, x *index.Index, p ledger.PartyID) *vault.Vault {
	t.Helper()
	var all []vault.Node
	for i, b := range n.blobs {
		all = append(all, vault.Node{Name: string(rune('a' + i)), Blobs: told{b, x, i, p}})
	}
	v, err := vault.New(all)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// live tells a story in which every word that names a manifest occurs, some of
// them in records that are erased and jobs whose grant is revoked.
func live(t testing.TB, x *index.Index) *network {
	t.Helper()
	n := &network{blobs: [6]*memory.Blobs{{}, {}, {}, {}, {}, {}}}
	pack := func(p ledger.PartyID, size int) storage.Ref {
		t.Helper()
		b := make([]byte, size)
		_, _ = rand.Read(b)
		r, err := n.as(t, x, p).Write(t.Context(), bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	erase := func(p ledger.PartyID, refs ...storage.Ref) {
		t.Helper()
		for _, r := range refs {
			if err := n.as(t, x, p).Erase(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	owner, scientist, worker, holder := Party(1), Party(2), Party(3), Party(5)
	plan, card, keys := pack(scientist, 300_000), pack(scientist, 900), pack(scientist, 5<<20)
	model := ledger.Model{ID: ledger.NewModelID(ledger.Health, commandID(900)), Owner: scientist, Plan: plan, Card: card, KeysRef: keys,
		Joint: ledger.PlanRef{Plan: pack(scientist, 40_000)}}
	n.add(0, value(ledger.ModelPublished, ledger.KeyOf(model.ID), model))
	committee := ledger.Committee{ID: ledger.NewCommitteeID(commandID(901)), Holders: []ledger.PartyID{holder}, Key: ledger.Hash{1}, Public: pack(holder, 500_000)}
	n.add(0, value(ledger.CommitteeChanged, ledger.KeyOf(committee.ID), committee))
	joint := ledger.CommitteeKeys{Model: model.ID, Committee: committee.ID, Serve: []ledger.PartyID{holder}, Keys: pack(holder, 3<<20)}
	n.add(0, value(ledger.CommitteeKeyed, ledger.CommitteeKeysKey(model.ID, committee.Key), joint))
	eval := pack(owner, 6<<20)
	for i := range 6 {
		rec := ledger.Record{ID: ledger.NewRecordID(ledger.Health, commandID(i)), Owner: owner, Kind: ledger.Study}
		rec.Versions = append(rec.Versions, ledger.Version{Manifest: pack(owner, 2<<20+i)})
		n.add(i, value(ledger.RecordRegistered, ledger.KeyOf(rec.ID), rec))
		rec.Versions = append(rec.Versions, ledger.Version{Manifest: pack(owner, 100+i)})
		n.add(i, value(ledger.RecordAmended, ledger.KeyOf(rec.ID), rec))
		grant := ledger.Grant{ID: ledger.NewGrantID(ledger.Health, commandID(i)), Record: rec.ID, Owner: owner, To: Party(4), Input: pack(owner, 1<<20+7*i)}
		n.add(i, value(ledger.GrantGiven, ledger.KeyOf(grant.ID), grant))
		j := ledger.Job{ID: ledger.NewJobID(ledger.Health, commandID(i)), Asker: Party(4), Subject: owner, Model: model.ID, Record: rec.ID, Grant: grant.ID,
			Inputs: []storage.Ref{pack(owner, 4<<20+100*i), pack(owner, 77+i)}, EvalKeys: eval}
		n.add(i, value(ledger.JobReady, ledger.KeyOf(j.ID), j))
		j.Worker, j.Result = worker, pack(worker, 1<<20+i)
		n.add(i, value(ledger.JobDone, ledger.KeyOf(j.ID), j))
		j.Answer = pack(owner, 500+i)
		n.add(i, value(ledger.JobAnswered, ledger.KeyOf(j.ID), j))
		switch i {
		case 2: // the grant is revoked; the keys are another job's too
			grant.Revoked = 1
			n.add(i, value(ledger.GrantRevoked, ledger.KeyOf(grant.ID), grant))
			erase(owner, append(j.Inputs, grant.Input)...)
		case 4: // the record is erased
			rec.Erased = true
			n.add(i, value(ledger.RecordErased, ledger.KeyOf(rec.ID), rec))
			erase(owner, rec.Versions[0].Manifest, rec.Versions[1].Manifest, j.Inputs[0], j.Inputs[1], grant.Input)
		}
	}
	for i, stage := range []ledger.SumStage{ledger.SumOpen, ledger.SumDone} {
		sum := ledger.Sum{ID: ledger.NewSumID(ledger.Health, commandID(910+i)), ProposeSum: ledger.ProposeSum{Sites: []ledger.PartyID{owner, Party(4)}},
			Holders: [ledger.Sharers]ledger.PartyID{holder, holder, holder}}
		for _, p := range sum.Sites {
			in := ledger.SumInput{Site: p}
			for k := range in.Shares {
				in.Shares[k] = pack(p, 2000+k)
			}
			sum.Joined = append(sum.Joined, in)
		}
		n.add(i, value(ledger.SumChanged, ledger.KeyOf(sum.ID), sum))
		sum.Joined[0].Withdrawn, sum.Stage = i == 0, stage
		if stage.Over() {
			sum.Shares = []ledger.PostedShare{{Output: pack(holder, 3000)}}
		}
		n.add(i, value(ledger.SumChanged, ledger.KeyOf(sum.ID), sum))
		for _, in := range sum.Joined {
			if in.Withdrawn || stage.Over() {
				erase(in.Site, in.Shares[:]...)
			}
		}
	}
	n.add(0, Random(31, 1).Log...) // so that the last event is of something else
	follow(t, x, n.History)
	return n
}

func rebuilds(t *testing.T, s index.Source) {
	x := Open(t, s)
	n := live(t, x)
	now := time.Unix(1_800_000_000, 0)
	token, _, err := x.OpenSession(t.Context(), index.Who{Party: Party(1)}, now)
	if err != nil {
		t.Fatal(err)
	}
	before := Dump(t, x)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := index.Rebuild(t.Context(), s, n.History, nodes(&n.blobs), n.Height(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	if x = Open(t, s); Dump(t, x) != before || !done.Same || done.Forgotten != 0 || done.Passed != 0 || done.Unread != 0 || done.Sessions != 1 || done.After.Blobs == 0 {
		t.Errorf("what is made again is not what was there: %+v\n%s\n%s", done, before, Dump(t, x))
	}
	if _, err := x.Session(t.Context(), token, now); !notice.Is(err, notice.Denied) {
		t.Errorf("a session is left: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}

	// With two storage nodes gone and a shard lost it is the same: what is kept is
	// its owner's, held or not.
	var broken [6]*memory.Blobs
	copy(broken[:], n.blobs[:])
	broken[1], broken[4] = &memory.Blobs{}, &memory.Blobs{}
	if done, err = index.Rebuild(t.Context(), s, n.History, nodes(&broken), n.Height(), quiet()); err != nil || !done.Same {
		t.Errorf("with two nodes lost: %+v, %v", done, err)
	}

	// What was uploaded and never named is forgotten, and the rest is the same.
	x = Open(t, s)
	if _, err := n.as(t, x, Party(1)).Write(t.Context(), bytes.NewReader([]byte("under way"))); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if done, err = index.Rebuild(t.Context(), s, n.History, nodes(&n.blobs), n.Height(), quiet()); err != nil || !done.Same || done.Forgotten != 12 {
		t.Errorf("with an upload under way: %+v, %v", done, err)
	}

	// A database that holds nothing of use is as good as none.
	Exec(t, s, "DROP TABLE states")
	if done, err = index.Rebuild(t.Context(), s, n.History, nodes(&n.blobs), n.Height(), quiet()); err != nil || done.Before != nil || Dump(t, Open(t, s)) != before {
		t.Errorf("after half of it was lost: %+v, %v", done, err)
	}

	// Two workers come to one result. One stores it first, the other is first on the ledger.
	x = Open(t, s)
	result, err := n.as(t, x, Party(6)).Write(t.Context(), bytes.NewReader([]byte("the same")))
	if err != nil {
		t.Fatal(err)
	}
	j := ledger.Job{ID: ledger.NewJobID(ledger.Health, commandID(950)), Asker: Party(1), Subject: Party(1), Worker: Party(7), Result: result}
	n.add(0, value(ledger.JobDone, ledger.KeyOf(j.ID), j))
	follow(t, x, n.History)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if done, err = index.Rebuild(t.Context(), s, n.History, nodes(&n.blobs), n.Height(), quiet()); err != nil || !done.Same || done.Passed != 12 {
		t.Errorf("with a result that two have stored: %+v, %v", done, err)
	}

	// And what no rebuilding gives is told by its table.
	Exec(t, s, "UPDATE states SET height = height + 1 WHERE word = 'rec'")
	if done, err = index.Rebuild(t.Context(), s, n.History, nodes(&n.blobs), n.Height(), quiet()); err != nil || done.Same || !slices.Equal(done.Differs, []string{"states"}) {
		t.Errorf("with states that are not the ledger's: %+v, %v", done, err)
	}
}

// claims lets an index that has lost its blobs find their owners while it is in
// use: an upload that was under way is its sender's once it is on the ledger.
func claims(t *testing.T, s index.Source) {
	x := Open(t, s)
	n := live(t, x)
	want := Dump(t, x)
	Exec(t, s, "DELETE FROM blobs")
	for range 2 { // the second time nothing is new
		if err := x.Claim(t.Context(), n.History, nodes(&n.blobs)); err != nil {
			t.Fatal(err)
		}
		if got := Dump(t, x); got != want {
			t.Fatalf("claims give\n%s\nwant\n%s", got, want)
		}
	}

	// An upload under way is nobody's, and then whose record it becomes.
	stranger, owner := Party(8), Party(1)
	r, err := n.as(t, x, owner).Write(t.Context(), bytes.NewReader(make([]byte, 5000)))
	if err != nil {
		t.Fatal(err)
	}
	Exec(t, s, "DELETE FROM blobs WHERE size < 3000")
	rec := ledger.Record{ID: ledger.NewRecordID(ledger.Health, commandID(77)), Owner: owner, Versions: []ledger.Version{{Manifest: r}}}
	n.add(0, value(ledger.RecordRegistered, ledger.KeyOf(rec.ID), rec))
	// A stranger names the owner's pack later: what has an owner keeps it.
	theft := ledger.Record{ID: ledger.NewRecordID(ledger.Health, commandID(78)), Owner: stranger, Versions: []ledger.Version{{Manifest: r}}}
	n.add(0, value(ledger.RecordRegistered, ledger.KeyOf(theft.ID), theft))
	// And a blob that is no manifest, and one that is nowhere.
	junk, err := n.blobs[0].Put(t.Context(), []byte("no manifest"))
	if err != nil {
		t.Fatal(err)
	}
	odd := ledger.Model{ID: ledger.NewModelID(ledger.Health, commandID(79)), Owner: stranger, Plan: junk, Card: storage.RefOf([]byte("nowhere"))}
	n.add(0, value(ledger.ModelPublished, ledger.KeyOf(odd.ID), odd))
	if err := x.Claim(t.Context(), n.History, nodes(&n.blobs)); err != nil {
		t.Fatal(err)
	}
	for node := range n.blobs {
		if mine, err := x.Uploads(t.Context(), node, r.String(), owner); err != nil || !mine {
			t.Errorf("the owner's manifest on node %d is not hers: %v", node, err)
		}
		if theirs, err := x.Uploads(t.Context(), node, junk.String(), stranger); err != nil || theirs {
			t.Errorf("what is no manifest was claimed: %v", err)
		}
	}
	if stored, err := x.Stored(t.Context(), stranger); err != nil || stored != 0 {
		t.Errorf("the stranger came by %d bytes, %v", stored, err)
	}
	if err := n.as(t, x, owner).Erase(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// shy fails as often as it is told.
type shy struct {
	storage.Blobs
	mu   sync.Mutex
	left int
}

func (b *shy) Get(ctx context.Context, r storage.Ref) ([]byte, error) {
	b.mu.Lock()
	b.left--
	silent := b.left >= 0
	b.mu.Unlock()
	if silent {
		return nil, errors.New("no answer")
	}
	return b.Blobs.Get(ctx, r)
}

func claimsWait(t *testing.T, s index.Source) {
	x := Open(t, s)
	n := live(t, x)
	want := Dump(t, x)
	Exec(t, s, "DELETE FROM blobs")
	slow := nodes(&n.blobs)
	for i, b := range slow {
		slow[i] = &shy{Blobs: b, left: 3}
	}
	if err := x.Claim(t.Context(), n.History, slow); err != nil {
		t.Fatal(err)
	}
	if got := Dump(t, x); got != want {
		t.Error("claims of storage that answers late are not the same")
	}
}
