package batch

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

func command(t testing.TB, by ledger.Signer, b ledger.Body) ledger.Command {
	t.Helper()
	body, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Command{ID: ledger.NewCommandID(), Name: b.Command(), Author: by.Party(), Body: body}
}

func TestLanes(t *testing.T) {
	health, credit, common := ledgertest.NewKey(ledger.Health, rand.Reader), ledgertest.NewKey(ledger.Credit, rand.Reader), ledgertest.NewKey(ledger.Common, rand.Reader)
	pay := func(to ...ledger.Signer) (out []ledger.Output) {
		for _, k := range to {
			out = append(out, ledger.Output{To: k.Party(), Amount: ledger.MAN(1)})
		}
		return out
	}
	job := ledger.NewJobID(ledger.Credit, ledger.NewCommandID())
	for name, c := range map[string]struct {
		command ledger.Command
		want    ledger.Vertical
	}{
		"author decides":   {command(t, health, ledger.SendCoins{Out: pay(common)}), ledger.Health},
		"purpose is no id": {command(t, credit, ledger.RequestJob{Purpose: ledger.CreditTransaction}), ledger.Credit},
		"worker and job":   {command(t, common, ledger.ClaimJob{Job: job}), ledger.Credit},
		"holder and job":   {command(t, common, ledger.PostShare{Job: job, Try: 1, PostedShare: ledger.PostedShare{Output: ledgertest.Ref("o"), Hash: ledger.Hash{1}, Digests: [2]ledger.Hash{{1}, {2}}}}), ledger.Credit},
		"holder and sum":   {command(t, common, ledger.BeginSum{Sum: ledger.NewSumID(ledger.Health, ledger.NewCommandID())}), ledger.Health},
		"a seat":           {command(t, common, ledger.TakeSeat{Holder: common.Party(), Address: "127.0.0.1:1", Key: common.Public()}), ledger.Common},
		"issue to health":  {command(t, common, ledger.IssueCoins{Out: pay(common, health)}), ledger.Health},
		"issue to common":  {command(t, common, ledger.IssueCoins{Out: pay(common), Reason: "health-care of the-network"}), ledger.Common},
		"tick":             {command(t, common, ledger.Tick{Time: 1}), ledger.Common},
		"no body":          {ledger.Command{Author: common.Party(), Body: []byte(`{"`)}, ledger.Common},
		"no author":        {ledger.Command{Author: "health"}, ledger.Common},
	} {
		if got := LaneOf(c.command); got != c.want {
			t.Errorf("%s: lane %q, want %q", name, got, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	k := ledgertest.NewKey(ledger.Common, rand.Reader)
	good := Batch{Lane: ledger.Common, Commands: []ledger.Command{command(t, k, ledger.Tick{Time: 5})}}
	b, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Decode(b); err != nil || len(back.Commands) != 1 || back.Commands[0].ID != good.Commands[0].ID {
		t.Fatalf("%+v, %v", back, err)
	}
	many := Batch{Lane: ledger.Common, Commands: make([]ledger.Command, MaxCommands+1)}
	tooMany, _ := json.Marshal(many)
	for name, in := range map[string]string{
		"nothing":       "",
		"no lane":       `{"commands":[{}]}`,
		"other lane":    `{"lane":"wealth","commands":[{}]}`,
		"no commands":   `{"lane":"health","commands":[]}`,
		"too many":      string(tooMany),
		"too large":     strings.Repeat(" ", MaxBytes) + string(b),
		"unknown field": `{"lane":"health","commands":[{}],"x":1}`,
		"long name":     `{"lane":"health","commands":[{"name":"` + strings.Repeat("n", 65) + `"}]}`,
		"two values":    string(b) + string(b),
	} {
		if _, err := Decode([]byte(in)); !errors.Is(err, ErrBatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeights(t *testing.T) {
	last := ledger.Height(0)
	for _, p := range [][3]int{{1, 0, 0}, {1, 0, 1}, {1, 0, 255}, {1, 1, 0}, {1, 4095, 255}, {2, 0, 0}, {1 << 40, 0, 0}} {
		h, err := HeightOf(uint64(p[0]), p[1], p[2])
		if err != nil || h <= last || BlockOf(h) != uint64(p[0]) {
			t.Errorf("%v: height %d after %d, block %d, %v", p, h, last, BlockOf(h), err)
		}
		last = h
	}
	for _, p := range [][3]int{{1, 4096, 0}, {1, 0, 256}, {1 << 44, 0, 0}, {1, -1, 0}} {
		if _, err := HeightOf(uint64(p[0]), p[1], p[2]); err == nil {
			t.Errorf("%v has a height", p)
		}
	}
}

func TestRefusals(t *testing.T) {
	err := Refuse(notice.New(notice.Denied, "text", "hint")).Err()
	if n := notice.From(err); n.Kind != notice.Denied || n.Text != "text" || n.Hint != "hint" {
		t.Errorf("%+v", n)
	}
	inside := Refuse(errors.New("key health/p/x is damaged"))
	if strings.Contains(inside.Text, "health/") || notice.Is(inside.Err(), notice.Internal) {
		t.Errorf("%+v", inside)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"lane":"common","commands":[{"network":"n","id":"000102030405060708090a0b0c0d0e0f","name":"time.tick","author":"common-p-0","not_after":1,"body":"e30=","sig":""}]}`))
	f.Add([]byte(`{"lane":"health","commands":[{"cosigns":[{"party":"x","sig":"AA=="}]}]}`))
	f.Add([]byte(`{"lane":"credit","commands":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := Decode(in)
		if err != nil {
			if !errors.Is(err, ErrBatch) {
				t.Fatalf("an error that is not ErrBatch: %v", err)
			}
			return
		}
		for _, c := range b.Commands {
			if !LaneOf(c).Valid() {
				t.Fatal("a command without a lane")
			}
		}
		out, err := b.Encode()
		if err != nil {
			return // base64 may grow over the bound
		}
		if _, err := Decode(out); err != nil {
			t.Fatalf("what was encoded does not decode: %v", err)
		}
	})
}
