package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"manx/ledger"
	"manx/web/api"
	"manx/web/owner"
)

// schema is what is used of JSON Schema (draft 2020-12); an unknown word in the
// file fails the test.
type schema struct {
	Type       string             `json:"type"`
	Required   []string           `json:"required"`
	More       *bool              `json:"additionalProperties"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	MinItems   int                `json:"minItems"`
	Pattern    string             `json:"pattern"`
	Enum       []any              `json:"enum"`
	Const      any                `json:"const"`
	Ref        string             `json:"$ref"`
	Defs       map[string]*schema `json:"$defs"`
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	b, err := os.ReadFile("../../docs/camt053.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"$schema", "title", "description"} {
		delete(all, k)
	}
	if b, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var s schema
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// check lists where a value is not as its schema says.
func (s *schema) check(root *schema, at string, v any) (wrong []string) {
	if s.Ref != "" {
		to := root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		if to == nil {
			return []string{at + ": no such definition"}
		}
		return to.check(root, at, v)
	}
	say := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	if s.Const != nil && !reflect.DeepEqual(s.Const, v) {
		say("%v is not %v", v, s.Const)
	}
	if len(s.Enum) > 0 {
		known := false
		for _, e := range s.Enum {
			known = known || reflect.DeepEqual(e, v)
		}
		if !known {
			say("%v is none of %v", v, s.Enum)
		}
	}
	switch s.Type {
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			say("no object")
			return wrong
		}
		for _, k := range s.Required {
			if _, ok := m[k]; !ok {
				say("no %s", k)
			}
		}
		for k, x := range m {
			if p := s.Properties[k]; p != nil {
				wrong = append(wrong, p.check(root, at+"."+k, x)...)
			} else if s.More != nil && !*s.More {
				say("an unknown %s", k)
			}
		}
	case "array":
		l, ok := v.([]any)
		if !ok || len(l) < s.MinItems {
			say("no list of %d or more", s.MinItems)
		}
		for i, x := range l {
			wrong = append(wrong, s.Items.check(root, fmt.Sprintf("%s[%d]", at, i), x)...)
		}
	case "string":
		if x, ok := v.(string); !ok || s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(x) {
			say("%v does not fit %s", v, s.Pattern)
		}
	}
	return wrong
}

// statementOf makes a statement at random that adds up.
func statementOf(r *rand.Rand, lines int) (s owner.Statement) {
	s.Opening = ledger.Units(r.Uint64N(1000))
	s.Closing = s.Opening
	for i := range lines {
		a := ledger.MAN(1 + uint32(r.IntN(1000)))
		m := api.Movement{Height: ledger.Height(1<<40 + i), Time: ledger.Time(1_796_000_000 + i), Coin: ledger.NewCoinID(ledger.NewCommandID(), i), Cause: ledger.NewCommandID(), What: "escrow.stepped",
			Of: ledger.EscrowStateKey(ledger.NewEscrowID(ledger.Credit, ledger.NewCommandID()))}
		if m.In = r.IntN(2) == 0; r.IntN(3) == 0 {
			m.What, m.Of = "sent", ""
		}
		after, err := s.Closing.Sub(a)
		if m.In || err != nil {
			m.In = true
			after, _ = s.Closing.Add(a)
		}
		m.Amount, m.Balance, s.Closing = a, after, after
		s.Lines = append(s.Lines, owner.Line{Movement: m})
	}
	return s
}

// A statement as JSON is what docs/camt053.schema.json says, and adds up; and the
// schema refuses what is not.
func TestStatementsFitTheirSchema(t *testing.T) {
	root, r := readSchema(t), rand.New(rand.NewPCG(5, 3))
	party := ledger.NewPartyID(ledger.Credit, []byte("x"))
	parse := func(v any) any {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var out any
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	largest, _ := ledger.ParseAmount("340282366920938463463.374607431768211455")
	for _, s := range []owner.Statement{{}, statementOf(r, 1), statementOf(r, 200), {Opening: largest, Closing: largest}} {
		for _, of := range []span{{0, owner.Forever, 1_796_500_000}, {1_796_000_000, 1_796_086_400, 1_796_500_000}, {1_800_000_000, owner.Forever, 1_796_500_000}} {
			v := parse(camt(party, s, of))
			if wrong := root.check(root, "", v); len(wrong) > 0 {
				t.Fatalf("%v", wrong)
			}
			sums(t, v)
		}
	}
	whole := statementOf(r, 3)
	for what, spoil := range map[string]func(stmt map[string]any){
		"no balances":       func(m map[string]any) { delete(m, "Bal") },
		"one balance":       func(m map[string]any) { m["Bal"] = m["Bal"].([]any)[:1] },
		"another name":      func(m map[string]any) { m["Entries"] = m["Ntry"] },
		"a negative amount": func(m map[string]any) { m["Ntry"].([]any)[0].(map[string]any)["Amt"].(map[string]any)["Value"] = "-1" },
		"another direction": func(m map[string]any) { m["Ntry"].([]any)[0].(map[string]any)["CdtDbtInd"] = "IN" },
		"a day as time":     func(m map[string]any) { m["CreDtTm"] = "2026-11-27" },
		"dollars":           func(m map[string]any) { m["Acct"].(map[string]any)["Ccy"] = "USD" },
	} {
		v := parse(camt(party, whole, span{0, owner.Forever, 1})).(map[string]any)
		spoil(v["BkToCstmrStmt"].(map[string]any)["Stmt"].([]any)[0].(map[string]any))
		if len(root.check(root, "", v)) == 0 {
			t.Errorf("%s fits the schema", what)
		}
	}
}

// sums adds up a statement's JSON as who gets it would.
func sums(t *testing.T, v any) {
	t.Helper()
	stmt := v.(map[string]any)["BkToCstmrStmt"].(map[string]any)["Stmt"].([]any)[0].(map[string]any)
	value := func(m any) *big.Rat {
		r, ok := new(big.Rat).SetString(m.(map[string]any)["Amt"].(map[string]any)["Value"].(string))
		if !ok {
			t.Fatal("no number")
		}
		return r
	}
	sum := value(stmt["Bal"].([]any)[0])
	for _, n := range stmt["Ntry"].([]any) {
		if n.(map[string]any)["CdtDbtInd"] == "CRDT" {
			sum.Add(sum, value(n))
		} else {
			sum.Sub(sum, value(n))
		}
	}
	if sum.Cmp(value(stmt["Bal"].([]any)[1])) != 0 {
		t.Error("the entries do not lead from the opening to the closing balance")
	}
}

// A table has the balances it begins and ends with, and as many columns on each
// line.
func TestStatementsAsTables(t *testing.T) {
	s := statementOf(rand.New(rand.NewPCG(5, 4)), 20)
	var b bytes.Buffer
	if err := writeCSV(&b, s, span{0, owner.Forever, 1_796_500_000}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 23 || rows[1][2] != "OPBD" || rows[1][4] != s.Opening.String() || rows[22][2] != "CLBD" || rows[22][4] != s.Closing.String() || rows[21][4] != s.Closing.String() {
		t.Errorf("%v, %v", rows, err)
	}
	var id ledger.CommandID
	if err := id.UnmarshalText([]byte(rows[2][8])); err != nil || id != s.Lines[0].Cause {
		t.Errorf("a line's command is %q: %v", rows[2][8], err)
	}
}
