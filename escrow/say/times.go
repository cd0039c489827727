package say

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"manx/escrow/template"
)

// unit are the words for a unit of time.
type unit struct {
	suffix string
	words  []string
	half   string // what half of one is, or "" where that is not settled
}

func units() []unit {
	return []unit{
		{"min", []string{"minutes", "minute", "分钟"}, ""},
		{"h", []string{"hours", "hour", "个小时", "小时", "个钟头"}, "30min"},
		{"d", []string{"days", "day", "天", "日"}, "12h"},
		{"w", []string{"weeks", "week", "个星期", "星期", "周"}, ""},
		{"mo", []string{"months", "month", "个月"}, ""},
		{"y", []string{"years", "year", "年"}, "6mo"},
	}
}

func (m *matcher) duration(pos int) (out []match) {
	if end := m.any(pos, "a fortnight"); end > pos {
		out = append(out, plain(end, "14d"))
	}
	for _, u := range units() {
		if n, ok := m.number(pos); ok {
			if end := m.any(n.end, u.words...); end > n.end {
				if n.open {
					out = append(out, m.open(pos, end))
				} else {
					out = append(out, plain(end, n.texts[0]+u.suffix))
				}
			}
		}
		for _, one := range []string{"a", "an"} {
			if m.is(pos, one) {
				if end := m.any(pos+1, u.words...); end > pos+1 {
					out = append(out, plain(end, "1"+u.suffix))
				}
			}
		}
		if after := m.any(pos, "half a", "half an", "半"); after > pos {
			if end := m.any(after, u.words...); end > after {
				if u.half != "" {
					out = append(out, plain(end, u.half))
				} else {
					out = append(out, m.open(pos, end))
				}
			}
		}
		if after := m.any(pos, vague...); after > pos {
			if end := m.any(after, u.words...); end > after {
				out = append(out, m.open(pos, end))
			}
		}
	}
	return valid(out, template.Duration)
}

var (
	slashed = regexp.MustCompile(`^(\d{1,4})/(\d{1,2})/(\d{1,4})$`)
	dayth   = regexp.MustCompile(`^(\d{1,2})(st|nd|rd|th)?$`)
)

var months = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// day writes a day of the calendar, or "" where there is none.
func day(y, m, d string) string {
	yy, _ := strconv.Atoi(y)
	mm, _ := strconv.Atoi(m)
	dd, _ := strconv.Atoi(d)
	s := fmt.Sprintf("%04d-%02d-%02d", yy, mm, dd)
	if t, err := time.Parse(time.DateOnly, s); err != nil || t.Year() < 2000 {
		return ""
	}
	return s
}

// date reads a day: 2027-05-01, 1 May 2027, May 1, 2027, 2027年5月1日. One with
// slashes is open where it may be read two ways.
func (m *matcher) date(pos int) (out []match) {
	one := func(end int, s string) {
		if s != "" {
			out = append(out, plain(end, s))
		}
	}
	text := func(i int) string {
		if i < len(m.tokens) {
			return m.tokens[i].text
		}
		return ""
	}
	month := func(s string) string {
		for i, name := range months {
			if s == name || len(s) == 3 && strings.HasPrefix(name, s) {
				return strconv.Itoa(i + 1)
			}
		}
		return ""
	}
	t := text(pos)
	if _, err := time.Parse(time.DateOnly, t); err == nil {
		one(pos+1, t)
	}
	if s := slashed.FindStringSubmatch(t); s != nil {
		if len(s[1]) == 4 {
			one(pos+1, day(s[1], s[2], s[3]))
		} else if len(s[3]) == 4 {
			a, b := day(s[3], s[2], s[1]), day(s[3], s[1], s[2])
			switch {
			case a != "" && b != "" && a != b:
				out = append(out, m.open(pos, pos+1, a, b))
			case a != "":
				one(pos+1, a)
			default:
				one(pos+1, b)
			}
		}
	}
	if d, mo := dayth.FindStringSubmatch(t), month(text(pos+1)); d != nil && mo != "" {
		one(pos+3, day(text(pos+2), mo, d[1]))
	}
	if mo, d := month(t), dayth.FindStringSubmatch(text(pos+1)); d != nil && mo != "" {
		one(pos+3, day(text(pos+2), mo, d[1]))
	}
	if m.is(pos+1, "年") && m.is(pos+3, "月") && (m.is(pos+5, "日") || m.is(pos+5, "号")) {
		one(pos+6, day(t, text(pos+2), text(pos+4)))
	}
	return out
}
