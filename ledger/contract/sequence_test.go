package contract

import (
	"crypto/ed25519"
	crand "crypto/rand"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/faulty"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
)

func hasWord(k ledger.Key, word string) bool { return strings.HasPrefix(string(k), "common/"+word+"/") }
func hasSuffix(k ledger.Key, s string) bool  { return strings.HasSuffix(string(k), s) }

// cast is everybody and everything a random sequence may name.
type cast struct {
	*ledgertest.Story
	m         *memory
	r         *rand.Rand
	parties   []*ledgertest.Key
	models    []ledger.ModelID
	records   []ledger.RecordID
	grants    []ledger.GrantID
	jobs      []ledger.JobID
	sharers   [ledger.Sharers]ledgertest.Sharer
	committee ledger.Committee
	past      []ledger.Command
	contracts []ledger.EscrowID
	holdings  []ledger.HoldingID
	chance    *ledgertest.Chance
	replies   map[string]ledgertest.Reply // of a worker for a job
	done      map[string]int
	fee       ledger.Amount // of a coin.send
}

func newCast(t testing.TB, r *rand.Rand) *cast {
	s, m := begin(t)
	c := &cast{Story: s, m: m, r: r, done: map[string]int{}, sharers: s.Seats(), chance: s.Chance(256), replies: map[string]ledgertest.Reply{}}
	var furnisher *ledgertest.Key
	for _, who := range []struct {
		v ledger.Vertical
		r ledger.Role
	}{
		{ledger.Health, ledger.Hospital}, {ledger.Health, ledger.Scientist}, {ledger.Health, ledger.Person}, {ledger.Health, ledger.Person},
		{ledger.Credit, ledger.Furnisher}, {ledger.Credit, ledger.Lender}, {ledger.Credit, ledger.Scientist}, {ledger.Credit, ledger.Person},
		{ledger.Credit, ledger.Person}, {ledger.Common, ledger.Worker}, {ledger.Common, ledger.Worker}, {ledger.Common, ledger.Worker},
	} {
		k := s.Party(who.v, who.r)
		c.parties = append(c.parties, k)
		switch {
		case who.r == ledger.Furnisher:
			furnisher = k
		case who.r == ledger.Scientist && who.v == ledger.Health:
			c.models = append(c.models, s.HealthModel(k), s.SharedModel(k, c.parties[0], s.World.Organisations[1], ledger.Limit{Calls: 3, Within: 700}))
		case who.r == ledger.Scientist:
			c.models = append(c.models, s.CreditModel(k, "credit_limit"))
			c.committee = s.Committee(c.sharers, c.models[len(c.models)-1])
		case who.r == ledger.Person && who.v == ledger.Health:
			c.records = append(c.records, s.Study(k), s.Study(k))
		case who.r == ledger.Worker:
			s.Do(k, ledger.LockStake{Worker: k.Party(), Amount: ledger.MAN(20), Fund: []ledger.CoinID{s.Fund(k, ledger.MAN(21))}})
		case who.r == ledger.Person:
			c.records = append(c.records, s.EncryptedFile(k, furnisher, c.models[len(c.models)-1], c.committee))
		}
		if who.v != ledger.Common {
			for range 4 {
				s.Fund(k, ledger.MAN(20))
			}
		}
	}
	s.Fund(s.World.Organisations[0], ledger.MAN(20))
	if r.IntN(2) == 0 {
		fees := ledger.Fees{Send: ledger.Units(r.Uint64N(3)), Open: ledger.Units(r.Uint64N(1000)), Jobs: uint32(r.IntN(ledger.MaxJobsFee + 1))}
		s.Do(s.World.Organisations[0], ledger.SetSchedule{Schedule: ledger.Schedule{Version: 1, Fees: fees,
			Rewards: []ledger.Reward{{Name: "r", Amount: ledger.MAN(1), Start: s.World.Now() - 9*3600, Every: 3600, Periods: 9}}}}, s.World.Organisations[1])
		c.fee = fees.Send
	}
	s.Do(s.World.Organisations[0], ledger.SetHoldings{HoldingSchedule: ledger.HoldingSchedule{Each: ledger.Units(7), Every: 60, Blobs: 4}}, s.World.Organisations[1:]...)
	return c
}

func pick[T any](r *rand.Rand, from []T) (v T) {
	if len(from) > 0 {
		v = from[r.IntN(len(from))]
	}
	return v
}

// coins returns some of a party's coins.
func (c *cast) coins(p ledger.PartyID, n int) (out []ledger.CoinID) {
	for k, b := range c.m.state {
		var coin ledger.Coin
		if hasWord(k, "coin") && len(out) < n && ledger.Decode(b, &coin) == nil && coin.Owner == p {
			out = append(out, coin.ID)
		}
	}
	slices.Sort(out)
	return out
}

func (c *cast) owner(id ledger.RecordID) *ledgertest.Key {
	r, _ := ledgertest.Find[ledger.Record](c.Story, ledger.KeyOf(id))
	return c.key(r.Owner)
}

func (c *cast) key(p ledger.PartyID) *ledgertest.Key {
	for _, k := range append(c.parties, c.World.Organisations...) {
		if k.Party() == p {
			return k
		}
	}
	return pick(c.r, c.parties)
}

// next makes a command that is likely, not certain, to be allowed: the right
// party four times of five, else anybody.
func (c *cast) next() (ledger.Signer, ledger.Body) {
	if c.r.IntN(4) == 0 {
		if by, b, ok := c.contract(); ok {
			return by, b
		}
	}
	if c.r.IntN(12) == 0 {
		return c.hold()
	}
	if c.r.IntN(16) == 0 {
		return c.prove()
	}
	if c.r.IntN(16) == 0 {
		return c.many()
	}
	open := slices.DeleteFunc(slices.Clone(c.jobs), func(j ledger.JobID) bool { return c.Job(j).Stage.Over() })
	for _, j := range open {
		if c.Job(j).Due <= c.World.Now() && c.r.IntN(3) == 0 {
			return pick(c.r, c.parties), ledger.CloseJob{Job: j}
		}
	}
	if len(open) > 0 && c.r.IntN(3) > 0 {
		return c.progress(c.Job(pick(c.r, open)))
	}
	j, _ := ledgertest.Find[ledger.Job](c.Story, ledger.KeyOf(pick(c.r, c.jobs)))
	rec := pick(c.r, c.records)
	right := func(p ledger.PartyID) ledger.Signer {
		if c.r.IntN(5) == 0 {
			return pick(c.r, c.parties)
		}
		return c.key(p)
	}
	ref, h, now := ledgertest.Ref("x"), ledger.Hash{1}, c.World.Now()
	p, life := c.proof(), ledger.Time(1000)
	if p != nil {
		life = 5000
	}
	switch c.r.IntN(25) {
	case 20, 21, 22:
		return c.beforehand(rec, right)
	case 23:
		holder := pick(c.r, c.sharers[:])
		return holder.Holder, ledger.DestroyShares{Grant: pick(c.r, c.grants), Organisation: holder.Organisation.Party()}
	case 0:
		k, to := pick(c.r, c.parties), pick(c.r, c.parties)
		return k, ledger.SendCoins{In: c.coins(k.Party(), 3), Out: []ledger.Output{{To: to.Party(), Amount: ledger.MAN(uint32(c.r.IntN(4)))}}}
	case 1:
		k := pick(c.r, c.parties)
		in, sum := c.coins(k.Party(), 4), ledger.Amount{}
		for _, id := range in {
			sum, _ = sum.Add(ledgertest.Read[ledger.Coin](c.Story, ledger.KeyOf(id)).Amount)
		}
		sum, _ = sum.Sub(c.fee)
		return k, ledger.SendCoins{In: in, Out: []ledger.Output{{To: k.Party(), Amount: sum}}}
	case 2, 3:
		k := c.owner(rec)
		return k, ledger.RequestJob{Model: pick(c.r, c.models), Subject: k.Party(), Purpose: ledger.Diagnosis, Fund: c.coins(k.Party(), 1), Fee: ledger.MAN(3),
			Deadline: now + life, Record: rec, Version: 1, Inputs: []storage.Ref{ref}, EvalKeys: ref, Proof: p}
	case 4, 5:
		k := c.parties[5] // the lender
		return k, ledger.RequestJob{Model: pick(c.r, c.models), Subject: pick(c.r, c.parties[7:9]).Party(), Purpose: ledger.CreditTransaction,
			Fund: c.coins(k.Party(), 1), Fee: ledger.MAN(2), Deadline: now + life, Proof: p}
	case 6:
		k, sub := pick(c.r, c.parties[3:6]), pick(c.r, c.parties[6:9])
		seq := uint64(1)
		if was, ok := ledgertest.Find[ledger.Commitment](c.Story, ledger.CommitmentKey(k.Party(), sub.Party())); ok {
			seq = was.Sequence + uint64(c.r.IntN(2))
		}
		return k, ledger.CommitFile{Subject: sub.Party(), Value: h, Sequence: seq, Date: 20260101}
	case 7:
		return pick(c.r, c.parties), ledger.RegisterRecord{Kind: ledger.File, Manifest: ref, Digest: h, Furnisher: pick(c.r, c.parties).Party()}
	case 8:
		return right(c.owner(rec).Party()), ledger.RegisterRecord{Kind: ledger.Deidentified, Manifest: ref, Digest: h, Derived: rec}
	case 9:
		if c.r.IntN(6) > 0 {
			return right(c.owner(rec).Party()), ledger.AmendRecord{Record: rec, Version: 2, Manifest: ref, Digest: h}
		}
		return right(c.owner(rec).Party()), ledger.EraseRecord{Record: rec}
	case 10:
		return right(c.owner(rec).Party()), ledger.GiveGrant{Record: rec, To: pick(c.r, c.parties).Party(), Purpose: pick(c.r, ledger.Purposes()), Access: ledger.Read, Until: now + 500}
	case 11, 12:
		return right(j.Subject), ledger.GiveGrant{Record: rec, To: j.Asker, Purpose: j.Purpose, Access: ledger.Compute, Model: j.Model, Job: j.ID, Until: now + 500}
	case 13:
		g := pick(c.r, c.grants)
		gr, _ := ledgertest.Find[ledger.Grant](c.Story, ledger.KeyOf(g))
		return right(gr.Owner), ledger.RevokeGrant{Grant: g}
	case 14:
		gr, _ := ledgertest.Find[ledger.Grant](c.Story, ledger.KeyOf(j.Grant))
		return right(j.Subject), ledger.PostInput{Job: j.ID, Grant: j.Grant, Record: gr.Record, Version: 1, Inputs: []storage.Ref{ref}, EvalKeys: ref}
	case 15:
		return pick(c.r, c.parties), ledger.ClaimJob{Job: j.ID}
	case 16:
		return right(j.Worker), ledger.PostResult{Job: j.ID, Result: ref, Hash: h}
	case 17:
		return right(j.Subject), ledger.AnswerJob{Job: j.ID, Answer: ref, Digest: h}
	case 18:
		return right(j.Asker), ledger.AcceptJob{Job: j.ID}
	case 19:
		if c.r.IntN(2) == 0 {
			return right(j.Subject), ledger.DenyJob{Job: j.ID}
		}
		return right(j.Asker), ledger.DisputeJob{Job: j.ID}
	default:
		if o := c.World.Organisations[c.r.IntN(2)]; c.r.IntN(3) == 0 {
			if c.r.IntN(2) == 0 {
				out := []ledger.Output{{To: pick(c.r, c.parties).Party(), Amount: ledger.MAN(1)}}
				return o, ledger.IssueCoins{Out: out, Reason: "test", Granted: &ledger.Granted{Reward: "r", Period: 1 + c.r.IntN(3)}}
			}
			return o, ledger.BurnCoins{In: c.coins(o.Party(), 2), Reason: "test"}
		}
		if c.r.IntN(2) == 0 {
			return pick(c.r, c.parties), ledger.CloseJob{Job: j.ID}
		}
		return c.World.Organisations[0], ledger.JudgeJob{Job: j.ID, Right: c.r.IntN(2) == 0, Hash: ledger.Hash{byte(1 + c.r.IntN(2))}}
	}
}

// beforehand permits requests that are yet to come, or makes one.
func (c *cast) beforehand(rec ledger.RecordID, right func(ledger.PartyID) ledger.Signer) (ledger.Signer, ledger.Body) {
	lender, model, now := c.parties[5], pick(c.r, append(c.models, c.models[len(c.models)-1], c.models[len(c.models)-1])), c.World.Now()
	m := ledgertest.Read[ledger.Model](c.Story, ledger.KeyOf(model))
	for _, g := range c.grants {
		if gr, _ := ledgertest.Find[ledger.Grant](c.Story, ledger.KeyOf(g)); gr.Calls > 0 && gr.Live(now) && c.r.IntN(2) == 0 {
			return right(gr.To), ledger.RequestJob{Model: gr.Model, Subject: gr.Owner, Purpose: gr.Purpose, Fund: c.coins(gr.To, 1), Fee: ledger.MAN(2),
				Deadline: now + 1000, Grant: g, Security: ledger.SemiHonest, Joint: !gr.Key.IsZero() && c.r.IntN(4) > 0}
		}
	}
	b := ledger.GiveGrant{Record: rec, To: lender.Party(), Purpose: ledger.CreditTransaction, Access: ledger.Compute, Model: model,
		Calls: 1 + c.r.IntN(3), Version: 1, ModelHash: m.Hash, Until: now + 900}
	if c.r.IntN(5) > 0 {
		b.Input, b.Key = ledgertest.Ref("x"), c.committee.Key
	}
	return right(c.owner(rec).Party()), b
}

// share has the holders of a job on shares begin a try, or post the next share.
func (c *cast) share(j ledger.Job) (ledger.Signer, ledger.Body) {
	if j.Try == 0 || c.r.IntN(8) == 0 {
		return c.sharers[0].Holder, ledger.ClaimJob{Job: j.ID}
	}
	at := max(slices.IndexFunc(j.Shares, func(p ledger.PostedShare) bool { return p.Hash.IsZero() }), 0)
	d := [2]ledger.Hash{{byte(at + 1)}, {byte((at+1)%ledger.Sharers + 1)}}
	if c.r.IntN(9) == 0 {
		d[0][1] = 1 // it lies, or computed on something else
	}
	return c.sharers[at].Holder, ledger.PostShare{Job: j.ID, Try: j.Try, PostedShare: ledger.PostedShare{Output: ledgertest.Ref("x"), Hash: ledger.Hash{1}, Digests: d}}
}

// progress takes a job a step further, as its parties would.
func (c *cast) progress(j ledger.Job) (ledger.Signer, ledger.Body) {
	ref, h := ledgertest.Ref("x"), ledger.Hash{1}
	worker := c.parties[len(c.parties)-1-c.r.IntN(2)]
	if j.Shared() && (!j.Evaluated() || j.Stage == ledger.Done) {
		return c.share(j)
	}
	switch j.Stage {
	case ledger.Asked:
		if j.Grant == "" {
			i := slices.IndexFunc(c.records, func(r ledger.RecordID) bool { return c.owner(r).Party() == j.Subject })
			return c.key(j.Subject), ledger.GiveGrant{Record: pick(c.r, c.records[max(i, 0):]), To: j.Asker, Purpose: j.Purpose, Access: ledger.Compute, Model: j.Model,
				Job: j.ID, Until: c.World.Now() + 900}
		}
		g := ledgertest.Read[ledger.Grant](c.Story, ledger.KeyOf(j.Grant))
		return c.key(j.Subject), ledger.PostInput{Job: j.ID, Grant: g.ID, Record: g.Record, Version: 1, Inputs: []storage.Ref{ref}, EvalKeys: ref}
	case ledger.Ready:
		if j.Proving != nil {
			return worker, c.draw(j)
		}
		return worker, ledger.ClaimJob{Job: j.ID}
	case ledger.Claimed:
		return c.key(j.Worker), ledger.PostResult{Job: j.ID, Result: ref, Hash: h}
	case ledger.Done:
		if j.Asker != j.Subject {
			return c.key(j.Subject), ledger.AnswerJob{Job: j.ID, Answer: ref, Digest: h}
		}
	case ledger.Disputed:
		return c.World.Organisations[0], ledger.JudgeJob{Job: j.ID, Right: c.r.IntN(2) == 0, Hash: ledger.Hash{byte(1 + c.r.IntN(2))}}
	case ledger.Drawn, ledger.Committed, ledger.Revealed:
		return c.replicate(j)
	}
	if c.r.IntN(3) == 0 {
		return c.key(j.Asker), ledger.DisputeJob{Job: j.ID}
	}
	return c.key(j.Asker), ledger.AcceptJob{Job: j.ID}
}

// note remembers what an applied command made.
func (c *cast) note(cmd ledger.Command) {
	c.done[cmd.Name]++
	v := ledger.VerticalOf(cmd.Author)
	switch cmd.Name {
	case "record.register":
		c.records = append(c.records, ledger.NewRecordID(v, cmd.ID))
	case "grant.give":
		c.grants = append(c.grants, ledger.NewGrantID(v, cmd.ID))
	case "job.request":
		c.jobs = append(c.jobs, ledger.NewJobID(v, cmd.ID))
	case "job.share":
		var b ledger.PostShare
		if err := ledger.Decode(cmd.Body, &b); err != nil {
			c.T.Fatal(err)
		}
		if j, _ := ledgertest.Find[ledger.Job](c.Story, ledger.KeyOf(b.Job)); j.Committee != "" {
			c.done["job.share by a committee"]++
		}
	case "holding.ask":
		c.holdings = append(c.holdings, ledger.NewHoldingID(cmd.ID))
	case "escrow.open":
		c.contracts = append(c.contracts, ledger.NewEscrowID(v, cmd.ID))
	case "escrow.step":
		var b ledger.StepEscrow
		if err := ledger.Decode(cmd.Body, &b); err != nil {
			c.T.Fatal(err)
		}
		for word, is := range map[string]bool{"choice": b.Choice != "", "deposit": b.Deposit != nil, "spend": b.Pay != nil, "fact": b.Fact != "", "verdict": b.Job != "", "deadline": b.Role == "" && b.Job == ""} {
			if is {
				c.done["escrow.step "+word]++
			}
		}
	}
	c.past = append(c.past, cmd)
}

func (c *cast) signed(by ledger.Signer, b ledger.Body) (ledger.Command, bool) {
	cmd, err := ledger.NewCommand(c.World.Genesis.ID(), by, c.World.Now()+600, b)
	if err != nil {
		return cmd, false // its own Check refused it; other tests send such bodies
	}
	cmd.Cosign(c.World.Organisations[1])
	return cmd, true
}

// Whatever sequence of commands is tried, with replies lost, tries repeated,
// old commands replayed and new ones altered: no money is made or lost (3), a
// command has one effect (8), what is not validly signed has none (2), and
// afterwards every escrow ends (4). MANX_LONG=1 tries 120,000 commands.
func TestInvariant3_2_4_8_RandomSequences(t *testing.T) {
	runs, steps := 4, 900
	if testing.Short() {
		runs = 2
	}
	if os.Getenv("MANX_LONG") != "" {
		runs = 200
	}
	done := map[string]int{}
	// What chance may leave out of a run is looked for in some more.
	rare := func() (out []string) {
		for _, n := range []string{"job.request", "job.input", "job.claim", "job.result", "job.accept", "job.close", "grant.give", "grant.revoke", "record.register", "job.share", "job.share by a committee",
			"escrow.open", "escrow.step choice", "escrow.step deposit", "escrow.step deadline", "shared earnings", "holding.pay", "job.draw", "job.commit", "job.reveal", "job.found", "worker.stake", "worker.unstake", "job.work", "job.settle"} {
			if done[n] == 0 && !testing.Short() {
				out = append(out, n)
			}
		}
		return out
	}
	for run := 0; run < runs || run < 5*runs && len(rare()) > 0; run++ {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 3))
		c := newCast(t, r)
		flaky := faulty.New(c.m, func(ledger.Command) faulty.Fault { return faulty.Fault(max(0, r.IntN(6)-3)) })
		for range steps {
			c.step(t, flaky)
			if got, want := c.m.money(t), c.m.supply(t); got != want {
				t.Fatalf("coins and escrows hold %v of a supply of %v", got, want)
			}
			if c.m.internal != nil {
				t.Fatal(c.m.internal)
			}
		}
		c.finish(t)
		c.limited(t)
		for n, k := range c.done {
			done[n] += k
		}
	}
	t.Logf("applied %v", done)
	for _, n := range rare() {
		t.Errorf("no %s was ever applied", n)
	}
}

func (c *cast) step(t testing.TB, l ledger.Ledger) {
	t.Helper()
	switch c.r.IntN(20) {
	case 0:
		c.Wait(1 + ledger.Time(c.r.IntN(150)))
		if c.r.IntN(2) == 0 {
			c.chance.Roll()
		}
		return
	case 1:
		before := c.m.copy()
		if old := pick(c.r, c.past); old.Name != "" {
			if _, err := c.m.Submit(t.Context(), old); err != nil {
				t.Fatalf("a replay is acknowledged: %v", err)
			}
		}
		same(t, "a replay", before, c.m.state)
		return
	}
	by, b := c.next()
	cmd, ok := c.signed(by, b)
	if !ok {
		return
	}
	if c.r.IntN(8) == 0 {
		before := c.m.copy()
		if _, err := c.m.Submit(t.Context(), alter(c.r, cmd)); err == nil {
			t.Fatalf("an altered %s was applied", cmd.Name)
		}
		same(t, "an altered command", before, c.m.state)
	}
	for {
		_, err := l.Submit(t.Context(), cmd)
		if err == nil {
			break
		}
		if notice.From(err).Kind != notice.Internal {
			return // refused
		}
	}
	c.note(cmd)
}

// alter changes what was signed, or who signed it.
func alter(r *rand.Rand, c ledger.Command) ledger.Command {
	switch r.IntN(6) {
	case 0:
		c.Body = append([]byte{}, c.Body...)
		c.Body[r.IntN(len(c.Body))] ^= 1 << r.IntN(8)
	case 1:
		c.NotAfter++
	case 2:
		c.ID[r.IntN(16)] ^= 1
	case 3:
		c.Network += "x"
	case 4:
		c.Sig = append([]byte{}, c.Sig...)
		c.Sig[r.IntN(ed25519.SignatureSize)] ^= 1 << r.IntN(8)
	default:
		_, stranger, _ := ed25519.GenerateKey(crand.Reader)
		c.Sig = ed25519.Sign(stranger, c.SigningBytes())
	}
	return c
}

func same(t testing.TB, what string, before, after map[ledger.Key][]byte) {
	t.Helper()
	if !maps.EqualFunc(before, after, func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Fatalf("%s changed the state", what)
	}
}

// finish lets all time pass and has a stranger close every job and contract.
func (c *cast) finish(t testing.TB) {
	t.Helper()
	c.Wait(9000)
	worker := c.Party(ledger.Common, ledger.Worker)
	for _, id := range c.jobs {
		if c.Job(id).Stage.Over() {
			continue
		}
		if err := c.Try(worker, ledger.CloseJob{Job: id}); err != nil {
			t.Fatalf("an escrow does not end: %v", err)
		}
		if j := c.Job(id); !j.Stage.Over() {
			t.Fatalf("a job past its deadline is %s", j.Stage)
		}
	}
	c.finishContracts(t, worker)
	c.freeStakes(t)
	for k := range c.m.state {
		if !hasSuffix(k, "/escrow") {
			continue
		}
		var e fee
		if err := ledger.Decode(c.m.state[k], &e); err != nil {
			t.Fatal(err)
		}
		if !e.State.Over() || !e.State.Held().IsZero() {
			t.Fatal("an escrow still holds money")
		}
	}
	if got, want := c.m.money(t), c.m.supply(t); got != want {
		t.Fatalf("coins and escrows hold %v of a supply of %v", got, want)
	}
}
