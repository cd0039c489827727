package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"manx/ledger"
)

// A Kind is what values a parameter takes. Values are text, as people write them
// after --set.
type Kind string

// The kinds.
const (
	Role     Kind = "role"     // me, a word, or a party's id
	Roles    Kind = "roles"    // several: school+shop
	Amount   Kind = "amount"   // of MAN, above nothing
	Percent  Kind = "percent"  // 0% to 100%, two decimals
	Duration Kind = "duration" // 90min, 12h, 7d, 2w, 3mo, 1y: months and years of the calendar
	Deadline Kind = "deadline" // a duration from the start, or a day: until its end, UTC
	Count    Kind = "count"    // 1 to 120
	Fact     Kind = "fact"     // a word
	Job      Kind = "job"      // a job's id
	Shares   Kind = "shares"   // hospital:40%+clinic:60%, at most all together
)

// MaxCount bounds counts, and with them repetitions.
const MaxCount = 120

// cures say, in both languages, what a value of a kind looks like.
func cures() map[Kind][2]string {
	return map[Kind][2]string{
		Role:     {"a party: me, a role's word such as school, or a party's id", "一方当事人：me、角色名（如school）或当事人标识"},
		Roles:    {"parties, joined by +, such as school+shop", "若干当事人，以+相连，如school+shop"},
		Amount:   {"an amount of MAN above nothing, such as 50 or 12.5", "大于零的MAN数额，如50或12.5"},
		Percent:  {"a percentage of at most 100 with at most two decimals, such as 5%", "不超过100、最多两位小数的百分比，如5%"},
		Duration: {"a time such as 90min, 12h, 7d, 2w, 3mo or 1y, of at most ten years", "时长，如90min、12h、7d、2w、3mo、1y，不超过十年"},
		Deadline: {"a time from now such as 7d, or a day to come such as 2027-01-31", "自现在起的时长（如7d），或未来的日期（如2027-01-31）"},
		Count:    {"a whole number from 1 to 120", "1至120的整数"},
		Fact:     {"a word for a fact, such as delivered", "表示事实的词，如delivered"},
		Job:      {"the id of a job: `manx job list` shows them", "任务标识：见 `manx job list`"},
		Shares:   {"parties and their shares of at most 100% together, such as hospital:40%+clinic:60%", "各方及其份额，合计不超过100%，如hospital:40%+clinic:60%"},
	}
}

func (k Kind) valid() bool { return cures()[k][0] != "" }

// Cure says what a value of this kind looks like.
func (k Kind) Cure() (en, zh string) { c := cures()[k]; return c[0], c[1] }

// A Span is a length of time: months of the calendar, and seconds.
type Span struct {
	Months  int
	Seconds ledger.Time
}

// Times is a span n times.
func (s Span) Times(n int) Span { return Span{s.Months * n, s.Seconds * ledger.Time(n)} }

// After is the time a span after t. Months end on the day of the month that t
// has, or on their last.
func (s Span) After(t ledger.Time) ledger.Time {
	u := time.Unix(int64(t), 0).UTC()
	if s.Months != 0 {
		first := time.Date(u.Year(), u.Month()+time.Month(s.Months), 1, u.Hour(), u.Minute(), u.Second(), 0, time.UTC)
		day := min(u.Day(), first.AddDate(0, 1, -1).Day())
		u = first.AddDate(0, 0, day-1)
	}
	return ledger.Time(u.Unix()) + s.Seconds
}

var spans = regexp.MustCompile(`^([1-9][0-9]{0,6})(min|h|d|w|mo|y)$`)

// ParseSpan reads a Duration.
func ParseSpan(s string) (Span, bool) {
	m := spans.FindStringSubmatch(s)
	if m == nil {
		return Span{}, false
	}
	n, _ := strconv.Atoi(m[1])
	out := map[string]Span{"min": {0, 60}, "h": {0, 3600}, "d": {0, 86400}, "w": {0, 7 * 86400}, "mo": {1, 0}, "y": {12, 0}}[m[2]].Times(n)
	return out, out.Months <= 120 && out.Seconds <= ledger.MaxEscrow
}

var percents = regexp.MustCompile(`^([0-9]{1,3})(?:\.([0-9]{1,2}))?%$`)

// ParsePercent reads a Percent as basis points.
func ParsePercent(s string) (int, bool) {
	m := percents.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	n, _ := strconv.Atoi(m[1] + (m[2] + "00")[:2])
	return n, n <= 10_000
}

// A Share is one part of Shares, in basis points.
type Share struct {
	Role  string
	Parts int
}

// nameable reports whether s may name a role or a fact: letters, digits and
// hyphens of any script.
func nameable(s string) bool {
	for i, r := range s {
		if !(unicode.IsLetter(r) || i > 0 && (unicode.IsDigit(r) || r == '-' || r == '_')) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func isParty(s string) bool { return ledger.CheckID(ledger.PartyID(s), "p") == nil }

func isRole(s string) bool { return isParty(s) || nameable(s) }

// list splits a value at its plus signs.
func list(s string) ([]string, bool) {
	l := strings.Split(s, "+")
	return l, len(l) <= 24
}

// shares splits Shares, with roles as they are written.
func shares(s string) (out []Share, ok bool) {
	l, ok := list(s)
	sum := 0
	for _, x := range l {
		who, p, _ := strings.Cut(x, ":")
		n, fine := ParsePercent(p)
		if sum += n; !fine || n == 0 || !isRole(who) || slices.ContainsFunc(out, func(o Share) bool { return o.Role == who }) {
			return nil, false
		}
		out = append(out, Share{who, n})
	}
	return out, ok && sum <= 10_000
}

// Valid reports whether a value is one of the kind. Whether a deadline is still
// to come, Fill says.
func (k Kind) Valid(v string) bool {
	switch k {
	case Role:
		return isRole(v)
	case Roles:
		l, ok := list(v)
		return ok && !slices.ContainsFunc(l, func(s string) bool { return !isRole(s) })
	case Amount:
		a, err := ledger.ParseAmount(v)
		return err == nil && !a.IsZero()
	case Percent:
		_, ok := ParsePercent(v)
		return ok
	case Duration:
		_, ok := ParseSpan(v)
		return ok
	case Deadline:
		if _, ok := ParseSpan(v); ok {
			return true
		}
		_, err := time.Parse(time.DateOnly, v)
		return err == nil
	case Count:
		n, err := strconv.Atoi(v)
		return err == nil && n >= 1 && n <= MaxCount && v == strconv.Itoa(n)
	case Fact:
		return nameable(v)
	case Job:
		return ledger.CheckID(ledger.JobID(v), "job") == nil
	case Shares:
		_, ok := shares(v)
		return ok
	}
	return false
}
