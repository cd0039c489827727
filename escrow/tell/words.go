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
// that Words knows are told by its words there, others as the terms write them.
type Teller struct {
	Language Language
	Words    map[string][2]string // by what the terms write: English, Chinese
}

// common are words that terms often use.
func common() map[string][2]string {
	return map[string][2]string{
		"asker": {"the asker", "请求方"}, "subject": {"the data owner", "数据所有人"}, "worker": {"the worker", "计算方"},
		"model-owner": {"the model's owner", "模型所有人"}, "exchange": {"the exchange", "交易所"}, "judges": {"the judges", "裁判方"},
		"sharers": {"the three organisations", "三家机构"}, "first": {"the first organisation", "第一家机构"}, "second": {"the second organisation", "第二家机构"}, "third": {"the third organisation", "第三家机构"},
		"lender": {"the lender", "出借人"}, "borrower": {"the borrower", "借款人"}, "buyer": {"the buyer", "买方"}, "seller": {"the seller", "卖方"},
		"payer": {"the payer", "付款人"}, "payee": {"the payee", "收款人"}, "arbiter": {"the arbiter", "仲裁人"}, "school": {"the school", "学校"}, "shop": {"the shop", "商家"},
		"fee": {"the fee", "费用"}, "loan": {"the loan", "贷款"}, "repayment": {"the repayment", "还款"}, "pledge": {"the pledge", "抵押"}, "price": {"the price", "价款"}, "purse": {"the purse", "专款"},
		"withdraw": {"withdraws", "撤回"}, "result": {"gives the result", "交付结果"}, "answer": {"answers", "答复"}, "accept": {"accepts", "接受"}, "dispute": {"disputes it", "提出异议"},
		"right": {"judges it right", "裁定正确"}, "wrong": {"judges it wrong", "裁定错误"}, "claim": {"claims", "提出主张"}, "pay": {"orders payment", "指示付款"}, "cancel": {"cancels", "取消"},
		"paid": {"paid", "已支付"}, "refunded": {"refunded", "已退款"}, "repaid": {"repaid", "已还清"}, "ended": {"ended", "已结束"}, "defaulted": {"defaulted", "已违约"},
	}
}

// word tells one of the terms' own words.
func (t Teller) word(w string) string {
	if s, ok := t.Words[w]; ok && s[t.Language] != "" {
		return s[t.Language]
	}
	if s, ok := common()[w]; ok {
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

// when tells a time in UTC, to the second where it is no full minute.
func (t Teller) when(at ledger.Time) string {
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
