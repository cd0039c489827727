// Package watch looks at how an asker calls a model, as the ledger shows it, and
// says with reasons when that looks like somebody taking the model out of its
// answers: extraction as Tramèr, Zhang, Juels, Reiter and Ristenpart describe it
// (Stealing Machine Learning Models via Prediction APIs, USENIX Security 2016).
//
// It is a pure function of times and subjects: it sees no inputs, which are
// encrypted, and no answers. It refuses nothing; limits on the ledger do
// (ledger.Limit). It does not see through askers that are one person, nor subjects
// who lend an asker what their files say, nor who takes months over it.
package watch

import (
	"slices"

	"manx/ledger"
)

// A Call is one call of a model by one asker, whose answer may have been told.
type Call struct {
	At      ledger.Time
	Subject ledger.PartyID // whose record it was over; the asker's own, where she asks about herself
}

// A Reason is something about an asker's calls that honest use seldom shows.
type Reason string

// The reasons.
const (
	// Repeats: about single subjects there were more calls than their records
	// change. Who asks so knows, or makes, what goes in and learns what comes out.
	Repeats Reason = "repeats"
	// Enough: those answers are as many as the model has parameters, so that linear
	// equations of them may give a points table or a regression.
	Enough Reason = "enough"
	// Busy: within an hour there were many calls about few subjects.
	Busy Reason = "busy"
	// Regular: calls followed each other as a program's do.
	Regular Reason = "regular"
)

// Text tells a reason in a sentence.
func (r Reason) Text() string {
	switch r {
	case Repeats:
		return "more calls about single subjects than their records change: whoever asks can choose what goes in"
	case Enough:
		return "as many answers to inputs that can be chosen as the model has parameters: they may give it away"
	case Busy:
		return "many calls within an hour about few subjects"
	case Regular:
		return "calls follow each other as evenly as a program's"
	}
	return string(r)
}

// A Report is what Look found.
type Report struct {
	Calls    int      `json:"calls"`
	Subjects int      `json:"subjects"`
	Repeated int      `json:"repeated"` // calls beyond those that a subject's record accounts for
	Alarm    bool     `json:"alarm"`
	At       int      `json:"at"` // repeated calls at which it rings; half of them where another reason is there
	Reasons  []Reason `json:"reasons,omitempty"`
}

const (
	free     = 3                       // calls about a subject that need no reason: one, one again, and a review
	refresh  = ledger.Time(28 * 86400) // how often a record changes: a call more
	unknown  = 16                      // repeated calls that ring where a model's parameters are not told
	fewest   = 4                       // at least
	most     = 64                      // and at most, however large the model
	part     = 8                       // of a model's parameters: an answer may tell of several, see the tests
	run      = 10                      // gaps that are looked at for evenness
	busyHour = 8                       // calls
)

// Look says how an asker's calls of a model of so many parameters, 0 where they are
// not told, look. Calls may come in any order.
func Look(parameters int, calls []Call) Report {
	calls = slices.Clone(calls)
	slices.SortFunc(calls, func(a, b Call) int { return int(a.At - b.At) })
	r := Report{Calls: len(calls), At: unknown}
	if parameters > 0 {
		r.At = min(max(parameters/part, fewest), most)
	}
	first, about := map[ledger.PartyID]ledger.Time{}, map[ledger.PartyID]int{}
	last := map[ledger.PartyID]ledger.Time{}
	for _, c := range calls {
		if about[c.Subject] == 0 {
			first[c.Subject] = c.At
		}
		about[c.Subject]++
		last[c.Subject] = c.At
	}
	r.Subjects = len(about)
	for s, n := range about {
		r.Repeated += max(0, n-free-int((last[s]-first[s])/refresh))
	}
	if parameters > 0 && r.Repeated >= parameters {
		r.Reasons = append(r.Reasons, Enough)
	}
	if busy(calls) {
		r.Reasons = append(r.Reasons, Busy)
	}
	if regular(calls) {
		r.Reasons = append(r.Reasons, Regular)
	}
	need := r.At
	if len(r.Reasons) > 0 {
		need = (need + 1) / 2
	}
	if r.Alarm = r.Repeated >= need; r.Alarm {
		r.Reasons = append([]Reason{Repeats}, r.Reasons...)
	}
	return r
}

// busy reports whether some hour has many calls, four or more about each subject.
func busy(calls []Call) bool {
	in := map[ledger.PartyID]int{}
	from := 0
	for to, c := range calls {
		in[c.Subject]++
		for ; calls[from].At <= c.At-3600; from++ {
			s := calls[from].Subject
			if in[s]--; in[s] == 0 {
				delete(in, s)
			}
		}
		if n := to - from + 1; n >= busyHour && n >= 4*len(in) {
			return true
		}
	}
	return false
}

// regular reports whether run gaps in a row spread by less than a tenth of their
// mean. Calls that came at once say nothing: contract time is told every ten seconds.
func regular(calls []Call) bool {
	for i := 0; i+run < len(calls); i++ {
		mean := float64(calls[i+run].At-calls[i].At) / run
		spread := 0.0
		for k := i; k < i+run; k++ {
			d := float64(calls[k+1].At-calls[k].At) - mean
			spread += d * d
		}
		if mean > 0 && spread/run < mean*mean/100 {
			return true
		}
	}
	return false
}
