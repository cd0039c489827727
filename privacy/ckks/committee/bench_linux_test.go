package committee_test

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"manx/ml/ckks"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc"
)

// spent returns the process's processor time.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var sizes = []struct{ need, n int }{{2, 3}, {6, 10}}

func size(messages ...committee.Message) (n int) {
	for _, m := range messages {
		n += len(m)
	}
	return n
}

// ms reports a processor time of one member in milliseconds.
func ms(b *testing.B, d time.Duration, members int, what string) {
	b.ReportMetric(float64(d.Microseconds())/1e3/float64(members*b.N), what)
}

// BenchmarkCommitteeFounding: the public key and everyone's share, four rounds.
func BenchmarkCommitteeFounding(b *testing.B) {
	for _, s := range sizes {
		b.Run(fmt.Sprintf("%d-of-%d", s.need, s.n), func(b *testing.B) {
			tb := sit(b, he.Shared, s.need, s.n)
			sent := 0
			begin := spent()
			for b.Loop() {
				var all []*committee.Founding
				var said []committee.Message
				for _, id := range tb.identities {
					f, out, err := committee.Found(tb.charter, id)
					if err != nil {
						b.Fatal(err)
					}
					all, said = append(all, f), append(said, out...)
				}
				sent = size(said...)
				for range 4 {
					var next []committee.Message
					for i, f := range all {
						out, err := f.Next(to(said, i+1))
						if err != nil {
							b.Fatal(err)
						}
						next = append(next, out...)
					}
					said = next
					sent += size(said...)
				}
			}
			ms(b, spent()-begin, s.n, "cpu-ms/member")
			b.ReportMetric(float64(sent)/float64(s.n), "bytes-sent/member")
		})
	}
}

// BenchmarkCommitteeKeys: one rotation's key, and the relinearisation key.
func BenchmarkCommitteeKeys(b *testing.B) {
	for _, s := range sizes {
		tb := found(b, he.Shared, s.need, s.n)
		for name, needs := range map[string]he.Needs{"rotation": {{Rotation: 1, Level: 4}}, "relinearisation": {{Rotation: 0, Level: 4}}} {
			b.Run(fmt.Sprintf("%d-of-%d/%s", s.need, s.n, name), func(b *testing.B) {
				var member, put time.Duration
				sent, keys := 0, 0
				for b.Loop() {
					w, err := tb.charter.Commission(first(s.need), needs)
					if err != nil {
						b.Fatal(err)
					}
					begin := spent()
					said := tb.forge(w, tb.promise(w, needs))
					member += spent() - begin
					begin = spent()
					var out bytes.Buffer
					if err := w.WriteKeys(&out, said); err != nil {
						b.Fatal(err)
					}
					put += spent() - begin
					sent, keys = size(said...), out.Len()
				}
				ms(b, member, s.need, "cpu-ms/member")
				ms(b, put, 1, "cpu-ms/combining")
				b.ReportMetric(float64(sent)/float64(s.need), "bytes-sent/member")
				b.ReportMetric(float64(keys), "bytes-key")
			})
		}
	}
}

// BenchmarkCommitteeDecryption: one result, from its ciphertext to the three
// parties' shares, and its rounding by them in one process.
func BenchmarkCommitteeDecryption(b *testing.B) {
	for _, s := range sizes {
		tb, c, slots := scored(b, s.need, s.n)
		b.Run(fmt.Sprintf("%d-of-%d", s.need, s.n), func(b *testing.B) {
			var serve, combine, deal, round time.Duration
			var stats mpc.Stats
			sent, dealt := 0, 0
			for b.Loop() {
				o, err := tb.charter.Order(first(s.need), c, slots)
				if err != nil {
					b.Fatal(err)
				}
				at := spent()
				lap := func(d *time.Duration) { now := spent(); *d += now - at; at = now }
				for _, j := range tb.journals { // the cap is not what is measured
					j.entries = map[[32]byte]committee.Entry{}
				}
				said := tb.serve(o, c)
				lap(&serve)
				opening, err := o.Combine(tb.public(), c, said)
				if err != nil {
					b.Fatal(err)
				}
				lap(&combine)
				var from [mpc.Parties][]mpc.Share
				dealt = 0
				for _, m := range o.Active() {
					shares, err := tb.members[m-1].Deal(opening)
					if err != nil {
						b.Fatal(err)
					}
					for p, x := range shares {
						bytes, err := x.MarshalBinary()
						if err != nil {
							b.Fatal(err)
						}
						dealt += len(bytes)
						from[p] = append(from[p], x)
					}
				}
				lap(&deal)
				tb.parties(from, func(s *mpc.Session, x mpc.Share) (mpc.Share, error) {
					out, err := committee.Round(s, x)
					if s.Party() == 0 {
						stats = s.Stats()
					}
					return out, err
				})
				lap(&round)
				sent = size(said...)
			}
			ms(b, serve, s.need, "cpu-ms-share/member")
			ms(b, combine, 1, "cpu-ms-combining")
			ms(b, deal, s.need, "cpu-ms-deal/member")
			ms(b, round, 1, "cpu-ms-rounding")
			b.ReportMetric(float64(sent)/float64(s.need), "bytes-share/member")
			b.ReportMetric(float64(dealt)/float64(s.need), "bytes-dealt/member")
			b.ReportMetric(float64(stats.Preprocessing.Sent+stats.Online.Sent), "bytes-rounding/party")
			b.ReportMetric(float64(stats.Preprocessing.Rounds+stats.Online.Rounds), "rounds")
		})
	}
}

// BenchmarkCommitteeScore: encrypting an input under the committee's key, and
// evaluating the scorecard's plan.
func BenchmarkCommitteeScore(b *testing.B) {
	tb := found(b, he.Shared, 2, 3)
	p, err := ckks.CompileShared(card(1), [32]byte{1}, nil)
	if err != nil {
		b.Fatal(err)
	}
	keys := tb.keys([]int{1, 2}, p.Needs())
	w, err := ckks.NewWorker(b.Context(), p.Plan)
	if err != nil {
		b.Fatal(err)
	}
	e := he.NewEvaluator(keys)
	var encrypt, evaluate time.Duration
	for b.Loop() {
		at := spent()
		in, err := p.Encrypt(tb.public(), hidden(applicant(1)...))
		if err != nil {
			b.Fatal(err)
		}
		encrypt += spent() - at
		at = spent()
		if _, err := w.Evaluate(b.Context(), e, in, nil); err != nil {
			b.Fatal(err)
		}
		evaluate += spent() - at
	}
	ms(b, encrypt, 1, "cpu-ms-encrypt")
	ms(b, evaluate, 1, "cpu-ms-evaluate")
	b.ReportMetric(float64(he.CiphertextSize(he.Shared, he.Shared.Levels(), false)), "bytes-input")
	b.ReportMetric(float64(he.CiphertextSize(he.Shared, he.Shared.Floor(), false)), "bytes-result")
	b.ReportMetric(float64(p.Needs().Size(he.Shared)), "bytes-keys")
}
