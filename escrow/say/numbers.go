package say

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// A number as it is said, in plain decimals; open where it may be several.
type number struct {
	end   int
	texts []string
	open  bool
}

var (
	digits    = regexp.MustCompile(`^(0|[1-9]\d{0,20})(\.\d{1,18})?$`)
	thousands = regexp.MustCompile(`^[1-9]\d{0,2}(,\d{3})+(\.\d{1,18})?$`)
	comma     = regexp.MustCompile(`^\d{1,20},\d{1,18}$`)
)

// number reads the longest number at pos: digits, English or Chinese words.
func (m *matcher) number(pos int) (number, bool) {
	if pos >= len(m.tokens) {
		return number{}, false
	}
	t := m.tokens[pos].text
	switch {
	case digits.MatchString(t) || thousands.MatchString(t):
		return m.scaled(pos+1, strings.ReplaceAll(t, ",", ""))
	case comma.MatchString(t): // a decimal comma, or groups?
		n := number{end: pos + 1, open: true}
		for _, to := range []string{".", ""} {
			if r, ok := new(big.Rat).SetString(strings.Replace(t, ",", to, 1)); ok {
				s, _ := decimal(r)
				n.texts = append(n.texts, s)
			}
		}
		return n, true
	}
	if v, n := english(m.from(pos)); n > 0 {
		return number{pos + n, []string{big.NewInt(v).String()}, false}, true
	}
	return m.chinese(pos)
}

// scaled multiplies digits by a word after them: 1.5 万, 20 thousand.
func (m *matcher) scaled(pos int, text string) (number, bool) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return number{}, false
	}
	for _, s := range []struct {
		word string
		by   int64
	}{{"百", 100}, {"千", 1000}, {"万亿", 0}, {"万", 10_000}, {"亿", 100_000_000}, {"hundred", 100}, {"thousand", 1000}, {"million", 1_000_000}} {
		if end := m.any(pos, s.word); end > pos {
			if pos = end; s.by == 0 {
				return number{}, false
			}
			r.Mul(r, new(big.Rat).SetInt64(s.by))
			break
		}
	}
	d, ok := decimal(r)
	return number{pos, []string{d}, false}, ok
}

// from returns the words from pos on, as many as a number may have.
func (m *matcher) from(pos int) []string {
	return words(m.tokens[pos:min(len(m.tokens), pos+24)])
}

var (
	ones = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
		"fifteen", "sixteen", "seventeen", "eighteen", "nineteen"}
	tens = []string{"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
)

// english reads a number below a thousand million in words, and returns how many
// tokens it has, or 0.
func english(w []string) (v int64, n int) {
	scale := int64(1_000_000_000)
	for {
		and := 0
		if n > 0 && n < len(w) && w[n] == "and" {
			and = 1
		}
		h, k := hundreds(w[n+and:])
		if k == 0 {
			return v, n
		}
		next := int64(1)
		if after := n + and + k; after < len(w) {
			switch w[after] {
			case "million":
				next = 1_000_000
			case "thousand":
				next = 1000
			}
		}
		if next >= scale || and == 1 && next > 1 {
			return v, n
		}
		v += h * next
		n += and + k
		if next == 1 {
			return v, n
		}
		n, scale = n+1, next
	}
}

// hundreds reads a number below a thousand.
func hundreds(w []string) (v int64, n int) {
	v, n = below(w)
	if n == 0 && len(w) > 1 && w[0] == "a" && slices.Contains([]string{"hundred", "thousand", "million"}, w[1]) {
		v, n = 1, 1
	}
	if n == 0 || n >= len(w) || w[n] != "hundred" || v < 1 || v > 9 {
		return v, n
	}
	v, n = v*100, n+1
	and := 0
	if n < len(w) && w[n] == "and" {
		and = 1
	}
	if x, k := below(w[n+and:]); k > 0 && x > 0 {
		return v + x, n + and + k
	}
	return v, n
}

// below reads a number below a hundred: seven, forty, twenty-three, twenty three.
func below(w []string) (int64, int) {
	if len(w) == 0 {
		return 0, 0
	}
	if i := slices.Index(ones, w[0]); i >= 0 {
		return int64(i), 1
	}
	ten, one, hyphen := strings.Cut(w[0], "-")
	t := slices.Index(tens, ten)
	if t < 2 {
		return 0, 0
	}
	n := 1
	if !hyphen && len(w) > 1 {
		one, n = w[1], 2
	}
	if i := slices.Index(ones, one); i >= 1 && i <= 9 {
		return int64(10*t + i), n
	}
	if hyphen {
		return 0, 0
	}
	return int64(10 * t), 1
}

// forms are the characters of Chinese numerals, as plain ones.
var forms = map[string]rune{"〇": '零', "两": '二', "壹": '一', "贰": '二', "叁": '三', "肆": '四', "伍": '五', "陆": '六', "柒": '七', "捌": '八', "玖": '九', "拾": '十', "佰": '百', "仟": '千'}

const numerals = "零一二三四五六七八九"

// chinese reads a numeral. It must be written as numbers are: 一百零五, not 一百五,
// which is open, and not digits in a row.
func (m *matcher) chinese(pos int) (number, bool) {
	var run []rune
	end := pos
	for ; end < len(m.tokens) && len(run) < 30; end++ {
		t := m.tokens[end].text
		r, ok := forms[t]
		if !ok {
			r = []rune(t)[0]
			if len([]rune(t)) > 1 || !strings.ContainsRune(numerals+"十百千万亿", r) {
				break
			}
		}
		run = append(run, r)
	}
	if len(run) == 0 {
		return number{}, false
	}
	s := string(run)
	v, ok := numeral(s)
	if ok && written(v) == s {
		return number{end, []string{big.NewInt(v).String()}, false}, true
	}
	// 两百五 is 250 to some, and 205 to nobody who writes carefully.
	units := []rune("千百十")
	for i, before := range []rune("万千百") {
		if n := len(run); n > 2 && run[n-2] == before && strings.ContainsRune(numerals[3:], run[n-1]) {
			a, ok1 := numeral(s + string(units[i]))
			b, ok2 := numeral(string(run[:n-1]) + "零" + string(run[n-1:]))
			if ok1 && ok2 {
				return number{end, []string{big.NewInt(a).String(), big.NewInt(b).String()}, true}, true
			}
		}
	}
	return number{}, false
}

// numeral computes what a numeral may mean; written says whether it is one.
func numeral(s string) (v int64, ok bool) {
	var section, digit int64
	for _, r := range s {
		if i := strings.IndexRune(numerals, r); i >= 0 {
			digit = int64(i / len("零"))
			continue
		}
		switch r {
		case '万':
			v, section, digit = v+(section+digit)*10_000, 0, 0
		case '亿':
			v, section, digit = (v+section+digit)*100_000_000, 0, 0
		default:
			unit := map[rune]int64{'十': 10, '百': 100, '千': 1000}[r]
			section, digit = section+max(digit, 1)*unit, 0
		}
		if v > 1e15 {
			return 0, false
		}
	}
	return v + section + digit, true
}

// written writes a number below a million million as numerals are written.
func written(v int64) string {
	if v == 0 {
		return "零"
	}
	out, gap := "", false
	for _, big := range []struct {
		by   int64
		name string
	}{{100_000_000, "亿"}, {10_000, "万"}, {1, ""}} {
		n := v / big.by
		v %= big.by
		if n == 0 {
			gap = gap || out != ""
			continue
		}
		if n > 9999 {
			return ""
		}
		if out != "" && (gap || n < 1000) {
			out += "零"
		}
		out, gap = out+thousand(n)+big.name, false
	}
	return plainTen(out)
}

// plainTen writes 十二 for 一十二, at the beginning only.
func plainTen(s string) string {
	if strings.HasPrefix(s, "一十") {
		return strings.TrimPrefix(s, "一")
	}
	return s
}

// thousand writes a number below ten thousand.
func thousand(n int64) string {
	out, gap := "", false
	for _, u := range []struct {
		by   int64
		name string
	}{{1000, "千"}, {100, "百"}, {10, "十"}, {1, ""}} {
		d := n / u.by
		n %= u.by
		if d == 0 {
			gap = out != ""
			continue
		}
		if gap {
			out += "零"
		}
		out, gap = out+string([]rune(numerals)[d])+u.name, false
	}
	return out
}
