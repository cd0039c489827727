// Package tell says what terms mean, in English and in Chinese, from the same
// tree: every clause in plain words, what can happen next, by whom and until
// when, and the stories of the checker. It adds nothing that the terms do not
// say and leaves nothing out, so that what is signed is what was read.
package tell

import (
	"fmt"
	"strings"
	"time"

	"manx/escrow"
	"manx/ledger"
)

// A Language is one that terms are told in.
type Language int

// The languages.
const (
	English Language = iota
	Chinese
)

// A Teller tells terms in one language. Roles, choices, facts, pots and outcomes
// that Words knows are told by its words there, others as the terms write them; a party
// that Parties knows is told so, another by its id.
type Teller struct {
	Language Language
	Words    map[string][2]string // by what the terms write: English, Chinese
	Parties  map[ledger.PartyID][2]string
}

// player tells who plays a role.
func (t Teller) player(p escrow.Part) string {
	who := string(p.Party)
	if s, ok := t.Parties[p.Party]; ok {
		who = s[t.Language]
	}
	return t.sentence(t.say("%s is %s", "%s是%s", t.role(p.Role), who))
}

// word tells one of the terms' own words.
func (t Teller) word(w string) string {
	if s, ok := t.Words[w]; ok && s[t.Language] != "" {
		return s[t.Language]
	}
	if t.Language == Chinese {
		return "「" + w + "」"
	}
	return "“" + w + "”"
}

func (t Teller) role(r escrow.Role) string { return t.word(string(r)) }

// roles lists roles as prose.
func (t Teller) roles(all []escrow.Role, last [2]string) string {
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = t.role(r)
	}
	return t.list(out, last)
}

func (t Teller) list(all []string, last [2]string) string {
	n := len(all)
	if n < 2 {
		return strings.Join(all, "")
	}
	if t.Language == Chinese {
		return strings.Join(all[:n-1], "、") + last[1] + all[n-1]
	}
	return strings.Join(all[:n-1], ", ") + " " + last[0] + " " + all[n-1]
}

// When tells a time in UTC, to the second where it is no full minute.
func (t Teller) When(at ledger.Time) string {
	u := time.Unix(int64(at), 0).UTC()
	clock := u.Format("15:04")
	if u.Second() != 0 {
		clock = u.Format("15:04:05")
	}
	if t.Language == Chinese {
		return fmt.Sprintf("%d年%d月%d日%s（UTC）", u.Year(), u.Month(), u.Day(), clock)
	}
	return fmt.Sprintf("%d %s %d, %s UTC", u.Day(), u.Month(), u.Year(), clock)
}

// span tells a length of time by its largest whole units.
func (t Teller) span(d ledger.Time) string {
	for _, u := range []struct {
		seconds  ledger.Time
		one, two string
		zh       string
	}{{86400, "day", "days", "天"}, {3600, "hour", "hours", "小时"}, {60, "minute", "minutes", "分钟"}, {1, "second", "seconds", "秒"}} {
		if d%u.seconds != 0 {
			continue
		}
		n := d / u.seconds
		switch {
		case t.Language == Chinese:
			return fmt.Sprint(n, u.zh)
		case n == 1:
			return "1 " + u.one
		}
		return fmt.Sprint(n, " ", u.two)
	}
	return ""
}

func (t Teller) amount(a ledger.Amount) string { return a.String() + " MAN" }

// percent tells basis points.
func percent(parts uint32) string {
	s := fmt.Sprintf("%d.%02d", parts/100, parts%100)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".") + "%"
}

// say picks the language's format.
func (t Teller) say(en, zh string, args ...any) string {
	if t.Language == Chinese {
		return fmt.Sprintf(zh, args...)
	}
	return fmt.Sprintf(en, args...)
}

// sentence begins with a capital letter and ends with a stop.
func (t Teller) sentence(s string) string {
	if t.Language == Chinese {
		return s + "。"
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
