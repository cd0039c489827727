package contract

import (
	"slices"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// A troupe is a network with a beacon, workers with a stake, and a patient.
type troupe struct {
	*ledgertest.Story
	m                  *memory
	chance             *ledgertest.Chance
	workers            []*ledgertest.Key
	patient, scientist *ledgertest.Key
	model              ledger.ModelID
	study              ledger.RecordID
}

func newTroupe(t testing.TB, workers int) *troupe {
	t.Helper()
	s, m := begin(t)
	f := &troupe{Story: s, m: m, chance: s.Chance(64), patient: s.Party(ledger.Health, ledger.Person), scientist: s.Party(ledger.Health, ledger.Scientist)}
	for range workers {
		f.workers = append(f.workers, s.Staked(ledger.MAN(20)))
	}
	f.model, f.study = s.HealthModel(f.scientist), s.Study(f.patient)
	return f
}

// ask has the patient ask with proof, and draws.
func (f *troupe) ask(p ledger.Proof) (ledger.JobID, []*ledgertest.Key) {
	f.T.Helper()
	j := f.AskProved(f.patient, f.model, f.study, p)
	return j, f.Draw(j, f.chance.Roll(), f.workers...)
}

func (f *troupe) stage(j ledger.JobID, want ledger.Stage) {
	f.T.Helper()
	if got := f.Job(j); got.Stage != want {
		f.T.Fatalf("the job is %s, want %s", got.Stage, want)
	}
	if got, want := f.m.money(f.T), f.m.supply(f.T); got != want {
		f.T.Fatalf("coins, stakes and escrows hold %s of %s", got, want)
	}
}

// left checks how much of 20 MAN each stake has left.
func (f *troupe) left(of []*ledgertest.Key, want ...string) {
	f.T.Helper()
	for i, w := range want {
		if got := f.StakeOf(of[i]); got.String() != w {
			f.T.Errorf("stake %d has %s left, want %s", i, got, w)
		}
	}
}

var right, wrong = ledger.Hash{1}, ledger.Hash{2}

func TestProofRefuses(t *testing.T) {
	f := newTroupe(t, 4)
	ask := f.AskingProof(f.patient, f.model, f.study, ledger.Proof{Replicas: 3})
	for what, change := range map[string]func(*ledger.RequestJob){
		"nothing":                  func(b *ledger.RequestJob) { b.Proof = &ledger.Proof{} },
		"both":                     func(b *ledger.RequestJob) { b.Proof.Confidence = 9900 },
		"eight replicas":           func(b *ledger.RequestJob) { b.Proof.Replicas = 8 },
		"certainty":                func(b *ledger.RequestJob) { *b.Proof = ledger.Proof{Confidence: 10_000} },
		"a coin's toss":            func(b *ledger.RequestJob) { *b.Proof = ledger.Proof{Confidence: 5000} },
		"a minute":                 func(b *ledger.RequestJob) { b.Proof.Within = 60 },
		"more than the job's life": func(b *ledger.RequestJob) { b.Deadline -= 700 },
		"a job by a grant on share": func(b *ledger.RequestJob) {
			b.Grant, b.Record, b.Inputs = ledger.NewGrantID(ledger.Health, ledger.CommandID{}), "", nil
			b.Security = ledger.SemiHonest
		},
	} {
		b, p := ask, *ask.Proof
		b.Proof = &p
		change(&b)
		denied(t, what, f.Try(f.patient, b), notice.Invalid)
	}
	j := ledger.NewJobID(ledger.Health, f.Do(f.patient, ask))
	w := f.workers
	denied(t, "a worker claims", f.Try(w[0], ledger.ClaimJob{Job: j}), notice.Conflict)
	denied(t, "a commitment before the draw", f.Try(w[0], ledger.CommitReplica{Job: j, Commitment: right}), notice.Conflict)
	denied(t, "a value that is not there", f.Try(w[0], ledger.DrawJob{Job: j, Value: 1}), notice.NotFound)
	first := f.chance.Roll()
	second := f.chance.Roll()
	denied(t, "a later value", f.Try(w[0], ledger.DrawJob{Job: j, Value: second.Number}), notice.Denied)
	late := f.Staked(ledger.MAN(1000)) // would be drawn first, had it been there
	drawn := f.Draw(j, first, w...)
	denied(t, "drawn twice", f.Try(w[0], ledger.DrawJob{Job: j, Value: first.Number}), notice.Conflict)
	denied(t, "who was not drawn", f.Try(late, ledger.CommitReplica{Job: j, Commitment: right}), notice.Denied)
	stake := ledger.FreeStake{Worker: drawn[0].Party()}
	f.Do(drawn[0], stake)
	denied(t, "a reveal before all committed", f.Try(drawn[0], ledger.RevealReplica{Job: j, Result: ledgertest.Ref("r"), Hash: right, Salt: right}), notice.Conflict)

	one := ledgertest.Replying(drawn[0], right)
	f.Do(drawn[0], one.Commit(j))
	denied(t, "a second commitment", f.Try(drawn[0], one.Commit(j)), notice.Conflict)
	f.Do(drawn[1], one.Commit(j)) // copies it: it cannot be opened by another
	f.Do(drawn[2], ledgertest.Replying(drawn[2], right).Commit(j))
	denied(t, "a commitment afterwards", f.Try(drawn[2], one.Commit(j)), notice.Conflict)
	denied(t, "the copy is opened", f.Try(drawn[1], one.Reveal(j)), notice.Integrity)
	other := one
	other.Hash = wrong
	denied(t, "another result", f.Try(drawn[0], other.Reveal(j)), notice.Integrity)
	f.Do(drawn[0], one.Reveal(j))
	denied(t, "revealed twice", f.Try(drawn[0], one.Reveal(j)), notice.Conflict)
	denied(t, "organisations before the window's end", f.Try(f.World.Organisations[0], ledger.FindResults{Job: j}, f.World.Organisations[1:]...), notice.Conflict)
	f.Wait(ledger.RevealWithin)
	denied(t, "a reveal too late", f.Try(drawn[2], one.Reveal(j)), notice.Expired)
	f.Do(late, ledger.CloseJob{Job: j})
	f.stage(j, ledger.Revealed)
	denied(t, "one organisation's word", f.Try(f.World.Organisations[0], ledger.FindResults{Job: j}), notice.Denied)
	f.Wait(ledger.RevealWithin)
	f.Do(late, ledger.CloseJob{Job: j})
	f.stage(j, ledger.Disputed) // one of three is not enough: 0.8
	denied(t, "a verdict without a hash", f.Try(f.World.Organisations[0], ledger.JudgeJob{Job: j, Right: true}, f.World.Organisations[1:]...), notice.Invalid)
	f.Do(f.World.Organisations[0], ledger.JudgeJob{Job: j, Right: true, Hash: right}, f.World.Organisations[1:]...)
	f.stage(j, ledger.Done)
	f.Wait(ledger.NoticePeriod - 1300)
	denied(t, "a stake while a job is open", f.Try(drawn[0], stake), notice.Conflict)
	f.Do(late, ledger.CloseJob{Job: j})
	f.stage(j, ledger.Settled)
	f.Wait(1300)
	f.Do(drawn[0], stake)
	f.left(drawn, "0", "19.8", "19.8") // the copier and the silent lose a hundredth
	f.stage(j, ledger.Settled)
}

// A coalition's confidences: who is new counts a fifth.
func TestConfidenceDrawsReplicas(t *testing.T) {
	f := newTroupe(t, 7)
	for confidence, want := range map[uint32]int{7000: 1, 9000: 2, 9800: 3, 9900: 4, 9990: 5, 9999: 7} {
		if _, drawn := f.ask(ledger.Proof{Confidence: confidence}); len(drawn) != want {
			t.Errorf("%d: %d replicas, want %d", confidence, len(drawn), want)
		}
	}
	few := newTroupe(t, 3)
	j := few.AskProved(few.patient, few.model, few.study, ledger.Proof{Confidence: 9900})
	v := few.chance.Roll()
	denied(t, "four of three", few.Try(few.patient, ledger.DrawJob{Job: j, Value: v.Number}), notice.Unavailable)

	// One operator's many workers are one replica of a job at the most.
	w := few.Party(ledger.Common, ledger.Worker)
	few.Do(few.workers[0], ledger.LockStake{Worker: w.Party(), Amount: ledger.MAN(20), Fund: []ledger.CoinID{few.Fund(few.workers[0], ledger.MAN(20))}})
	j = few.AskProved(few.patient, few.model, few.study, ledger.Proof{Confidence: 9900})
	denied(t, "an operator twice", few.Try(few.patient, ledger.DrawJob{Job: j, Value: few.chance.Roll().Number}), notice.Unavailable)
}

// However replicas fall silent, the job ends, and the silent lose a hundredth.
func TestInvariant4_SilentReplicas(t *testing.T) {
	type acts func(f *troupe, j ledger.JobID, r []ledgertest.Reply)
	commit := func(places ...int) acts {
		return func(f *troupe, j ledger.JobID, r []ledgertest.Reply) {
			for _, i := range places {
				f.Do(r[i].By, r[i].Commit(j))
			}
		}
	}
	reveal := func(places ...int) acts {
		return func(f *troupe, j ledger.JobID, r []ledgertest.Reply) {
			for _, i := range places {
				f.Do(r[i].By, r[i].Reveal(j))
			}
		}
	}
	closed := func(after ledger.Time) acts {
		return func(f *troupe, j ledger.JobID, r []ledgertest.Reply) {
			f.Wait(after)
			f.Do(f.patient, ledger.CloseJob{Job: j})
		}
	}
	found := func(lost ...int) acts {
		return func(f *troupe, j ledger.JobID, r []ledgertest.Reply) {
			b := ledger.FindResults{Job: j}
			for _, i := range lost {
				b.Lost = append(b.Lost, r[i].By.Party())
			}
			f.Do(f.World.Organisations[0], b, f.World.Organisations[1:]...)
		}
	}
	judged := func(h ledger.Hash) acts {
		return func(f *troupe, j ledger.JobID, r []ledgertest.Reply) {
			f.Do(f.World.Organisations[0], ledger.JudgeJob{Job: j, Hash: h}, f.World.Organisations[1:]...)
		}
	}
	accept := func(f *troupe, j ledger.JobID, r []ledgertest.Reply) { f.Do(f.patient, ledger.AcceptJob{Job: j}) }
	erase := func(f *troupe, j ledger.JobID, r []ledgertest.Reply) {
		f.Do(f.patient, ledger.EraseRecord{Record: f.study})
	}
	say := func(i int, h ledger.Hash) acts {
		return func(f *troupe, j ledger.JobID, r []ledgertest.Reply) { r[i].Hash = h }
	}
	dispute := func(i int) acts {
		return func(f *troupe, j ledger.JobID, r []ledgertest.Reply) { f.Do(r[i].By, ledger.DisputeJob{Job: j}) }
	}
	const window, life = ledger.MinWindow, 8 * 800
	for name, c := range map[string]struct {
		acts []acts
		ends ledger.Stage
		left [4]string
	}{
		"nobody commits":              {[]acts{closed(window)}, ledger.Refunded, [4]string{"19.8", "19.8", "19.8", "19.8"}},
		"nobody closes for long":      {[]acts{commit(0, 1), closed(life)}, ledger.Refunded, [4]string{"20", "20", "19.8", "19.8"}},
		"nobody reveals":              {[]acts{commit(0, 1, 2, 3), closed(window)}, ledger.Refunded, [4]string{"19.8", "19.8", "19.8", "19.8"}},
		"two commit and reveal":       {[]acts{commit(0, 1), closed(window), reveal(0, 1), found(), judged(right), accept}, ledger.Settled, [4]string{"20", "20", "19.8", "19.8"}},
		"three of four":               {[]acts{commit(0, 1, 2), closed(window), reveal(0, 1, 2), found(), judged(right), accept}, ledger.Settled, [4]string{"20", "20", "20", "19.8"}},
		"one result cannot be had":    {[]acts{commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(3), judged(right), accept}, ledger.Settled, [4]string{"20", "20", "20", "19.8"}},
		"no result can be had":        {[]acts{commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(0, 1, 2, 3)}, ledger.Refunded, [4]string{"19.8", "19.8", "19.8", "19.8"}},
		"organisations are silent":    {[]acts{commit(0, 1, 2, 3), reveal(0, 1, 2, 3), closed(window), accept}, ledger.Settled, [4]string{"20", "20", "20", "20"}},
		"one lies and is outvoted":    {[]acts{say(2, wrong), commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(), judged(right), accept}, ledger.Settled, [4]string{"20", "20", "10", "20"}},
		"one lies and stores nothing": {[]acts{say(2, wrong), commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(2), judged(right), accept}, ledger.Settled, [4]string{"20", "20", "10", "20"}},
		"two lie":                     {[]acts{say(1, wrong), say(2, wrong), commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(), judged(right), accept}, ledger.Settled, [4]string{"20", "10", "10", "20"}},
		"all lie apart":               {[]acts{say(0, ledger.Hash{9}), say(1, wrong), say(2, ledger.Hash{8}), say(3, ledger.Hash{7}), commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(), judged(right)}, ledger.Refunded, [4]string{"10", "10", "10", "10"}},
		"all lie and she doubts":      {[]acts{say(0, wrong), say(1, wrong), say(2, wrong), say(3, wrong), commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(), func(f *troupe, j ledger.JobID, _ []ledgertest.Reply) { f.Do(f.patient, ledger.DisputeJob{Job: j}) }, judged(right)}, ledger.Refunded, [4]string{"10", "10", "10", "10"}},
		"nobody judges":               {[]acts{say(1, wrong), commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(), closed(life)}, ledger.Refunded, [4]string{"20", "20", "20", "20"}},
		"erased before a commitment":  {[]acts{erase}, ledger.Refunded, [4]string{"20", "20", "20", "20"}},
		"erased before a reveal":      {[]acts{commit(0), closed(window), erase}, ledger.Refunded, [4]string{"20", "19.8", "19.8", "19.8"}},
		"erased with a result out":    {[]acts{commit(0, 1, 2, 3), reveal(0), erase, reveal(1, 2, 3), found(), accept}, ledger.Settled, [4]string{"20", "20", "20", "20"}},
		"a replica that agrees doubts": {[]acts{commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(), func(f *troupe, j ledger.JobID, r []ledgertest.Reply) {
			denied(f.T, "a doubt", f.Try(r[0].By, ledger.DisputeJob{Job: j}), notice.Denied)
		}, accept}, ledger.Settled, [4]string{"20", "20", "20", "20"}},
		"a lone right one doubts": {[]acts{say(1, wrong), say(2, wrong), say(3, wrong), func(f *troupe, j ledger.JobID, _ []ledgertest.Reply) {
			// As if their standing had been trusted: at 0.9 three outvote one.
			f.m.change(f.T, j, func(j *ledger.Job) { j.Proving.Confidence = 9000 })
		}, commit(0, 1, 2, 3), reveal(0, 1, 2, 3), found(), dispute(0), judged(right)}, ledger.Refunded, [4]string{"20", "10", "10", "10"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTroupe(t, 4)
			j, drawn := f.ask(ledger.Proof{Confidence: 9900})
			var replies []ledgertest.Reply
			for _, w := range drawn {
				replies = append(replies, ledgertest.Replying(w, right))
			}
			for _, act := range c.acts {
				act(f, j, replies)
			}
			f.stage(j, c.ends)
			for i, w := range drawn {
				got := f.StakeOf(w)
				if got.String() != c.left[i] {
					t.Errorf("stake %d has %s left, want %s", i, got, c.left[i])
				}
				if st := ledgertest.Read[ledger.Standing](f.Story, ledger.StandingKey(w.Party())); st.Open > 0 {
					t.Error("an ended job is open in a standing")
				}
			}
		})
	}
}

// Erasing a record ends all its jobs at once, though the same workers were drawn.
func TestInvariant4_ErasingEndsAllProofs(t *testing.T) {
	f := newTroupe(t, 3)
	var jobs []ledger.JobID
	for range 3 {
		j, drawn := f.ask(ledger.Proof{Replicas: 3})
		f.Do(drawn[0], ledgertest.Replying(drawn[0], right).Commit(j))
		f.Do(drawn[1], ledgertest.Replying(drawn[1], right).Commit(j))
		jobs = append(jobs, j)
	}
	for _, w := range f.workers {
		if open := ledgertest.Read[[]ledger.JobID](f.Story, ledger.DrawnKey(ledger.Health, w.Party())); !slices.Equal(open, jobs) {
			t.Errorf("%v are listed of %v", open, jobs)
		}
	}
	f.Wait(ledger.MinWindow)
	for _, j := range jobs {
		f.Do(f.patient, ledger.CloseJob{Job: j}) // one in each was silent
	}
	f.Do(f.patient, ledger.EraseRecord{Record: f.study})
	silent := 0
	for _, j := range jobs {
		f.stage(j, ledger.Refunded)
	}
	for _, w := range f.workers {
		st := ledgertest.Read[ledger.Standing](f.Story, ledger.StandingKey(w.Party()))
		if silent += st.Silent; st.Open != 0 {
			t.Errorf("%d ended jobs are open", st.Open)
		}
		if open := ledgertest.Read[[]ledger.JobID](f.Story, ledger.DrawnKey(ledger.Health, w.Party())); len(open) > 0 {
			t.Errorf("ended jobs %v are listed", open)
		}
		left := ledger.MAN(20)
		for range st.Silent {
			left, _ = left.Sub(left.Part(1, 100))
		}
		if got := f.StakeOf(w); got != left {
			t.Errorf("silent %d times, and %s are left", st.Silent, got)
		}
	}
	if silent != 3 {
		t.Errorf("%d silences of three", silent)
	}
}

func TestCanaries(t *testing.T) {
	f := newTroupe(t, 3)
	org, rest := f.World.Organisations[1], append(f.World.Organisations[2:], f.World.Organisations[0])
	ask := func(p *ledger.Proof) (ledger.Command, ledger.RevealCanary) {
		b := f.AskingProof(f.patient, f.model, f.study, ledger.Proof{Replicas: 3})
		b.Proof = p
		c := f.Sign(f.patient, b)
		return c, ledger.RevealCanary{Job: ledger.NewJobID(ledger.Health, c.ID), Hash: right, Salt: ledger.Hash{7}}
	}
	submit := func(c ledger.Command) {
		if _, err := f.Submit(c); err != nil {
			t.Fatal(err)
		}
	}
	c, reveal := ask(&ledger.Proof{Replicas: 3})
	commit := ledger.CommitCanary{Commitment: ledger.CanaryCommitment(reveal.Job, reveal.Hash, reveal.Salt)}
	denied(t, "a worker commits", f.Try(f.workers[0], commit), notice.Denied)
	f.Do(org, commit)
	denied(t, "committed twice", f.Try(org, commit), notice.Conflict)
	f.Wait(1)
	submit(c)
	drawn := f.Draw(reveal.Job, f.chance.Roll(), f.workers...)
	denied(t, "revealed while it runs", f.Try(org, reveal, rest...), notice.Conflict)
	f.Reply(reveal.Job, ledgertest.Replying(drawn[0], wrong), ledgertest.Replying(drawn[1], wrong), ledgertest.Replying(drawn[2], wrong))
	f.Do(f.patient, ledger.AcceptJob{Job: reveal.Job}) // all three lie, and are paid
	f.left(drawn, "20", "20", "20")
	denied(t, "one organisation's word", f.Try(org, reveal), notice.Denied)
	denied(t, "another organisation's canary", f.Try(f.World.Organisations[0], reveal, org), notice.Denied)
	odd := reveal
	odd.Hash = wrong
	denied(t, "another hash", f.Try(org, odd, rest...), notice.NotFound)
	f.Do(org, reveal, rest...)
	f.left(drawn, "10", "10", "10")
	f.stage(reveal.Job, ledger.Settled)
	denied(t, "revealed twice", f.Try(org, reveal, rest...), notice.NotFound)
	for _, w := range drawn {
		if st := ledgertest.Read[ledger.Standing](f.Story, ledger.StandingKey(w.Party())); st.Wrong != 1 || st.Right != 0 {
			t.Errorf("standing %+v", st)
		}
	}

	// A job that asked for no proof, of a worker that has a stake.
	c, reveal = ask(nil)
	f.Do(org, ledger.CommitCanary{Commitment: ledger.CanaryCommitment(reveal.Job, reveal.Hash, reveal.Salt)})
	submit(c)
	f.Do(drawn[0], ledger.ClaimJob{Job: reveal.Job})
	f.Do(drawn[0], ledger.PostResult{Job: reveal.Job, Result: ledgertest.Ref("r"), Hash: wrong})
	f.Do(f.patient, ledger.AcceptJob{Job: reveal.Job})
	f.Do(org, reveal, rest...)
	f.left(drawn, "5", "10", "10")

	// What was committed to after the job was asked is no canary.
	c, reveal = ask(nil)
	submit(c)
	f.Wait(1)
	f.Do(org, ledger.CommitCanary{Commitment: ledger.CanaryCommitment(reveal.Job, reveal.Hash, reveal.Salt)})
	f.Do(drawn[1], ledger.ClaimJob{Job: reveal.Job})
	f.Do(drawn[1], ledger.PostResult{Job: reveal.Job, Result: ledgertest.Ref("r"), Hash: wrong})
	f.Do(f.patient, ledger.AcceptJob{Job: reveal.Job})
	denied(t, "hindsight", f.Try(org, reveal, rest...), notice.Denied)
	f.left(drawn, "5", "10", "10")
}

// A job that another asked for: its subject answers what the quorum proved.
func TestProvedScores(t *testing.T) {
	f := newTroupe(t, 3)
	c := f.Scoring(3600)
	b := ledger.RequestJob{Model: c.Model, Subject: c.Borrower.Party(), Purpose: ledger.CreditTransaction, Fund: []ledger.CoinID{f.Fund(c.Lender, ledger.MAN(2))},
		Fee: ledger.MAN(2), Deadline: f.World.Now() + 9000, Proof: &ledger.Proof{Confidence: 9800}}
	j := ledger.NewJobID(ledger.Credit, f.Do(c.Lender, b))
	f.Consent(c.Borrower, j, c.Record)
	drawn := f.Draw(j, f.chance.Roll(), f.workers...)
	f.Reply(j, ledgertest.Replying(drawn[0], right), ledgertest.Replying(drawn[1], right), ledgertest.Replying(drawn[2], right))
	f.Answer(c.Borrower, j)
	f.Do(c.Lender, ledger.AcceptJob{Job: j})
	f.stage(j, ledger.Settled)

	// Revoked before anything is out: nobody is blamed.
	b.Fund, b.Deadline = []ledger.CoinID{f.Fund(c.Lender, ledger.MAN(2))}, f.World.Now()+9000
	j = ledger.NewJobID(ledger.Credit, f.Do(c.Lender, b))
	g := f.Consent(c.Borrower, j, c.Record)
	drawn = f.Draw(j, f.chance.Roll(), f.workers...)
	f.Do(drawn[0], ledgertest.Replying(drawn[0], right).Commit(j))
	f.Do(c.Borrower, ledger.RevokeGrant{Grant: g})
	f.stage(j, ledger.Refunded)
	f.left(drawn, "20", "20", "20")
}
