package ledger

import (
	"encoding/json"
	"testing"
)

func TestAmountText(t *testing.T) {
	for in, want := range map[string]string{"3": "3", "0.25": "0.25", "0.000000000000000001": "0.000000000000000001", "007.50": "7.5",
		"340282366920938463463.374607431768211455": "340282366920938463463.374607431768211455"} {
		a, err := ParseAmount(in)
		if err != nil || a.String() != want {
			t.Errorf("ParseAmount(%q) = %v, %v, want %s", in, a, err, want)
		}
	}
	for _, in := range []string{"", ".", "1.", ".5", "-1", "+1", "1e3", "1 ", "0.0000000000000000001", "340282366920938463463.374607431768211456", "９"} {
		if a, err := ParseAmount(in); err == nil {
			t.Errorf("ParseAmount(%q) = %v, want an error", in, a)
		}
	}
}

func TestAmountArithmetic(t *testing.T) {
	biggest := Amount{^uint64(0), ^uint64(0)}
	if _, err := biggest.Add(Units(1)); err == nil {
		t.Error("overflow was not found")
	}
	if _, err := Units(1).Sub(Units(2)); err == nil {
		t.Error("underflow was not found")
	}
	if got := MAN(3).Part(1, 3); got != MAN(1) {
		t.Errorf("a third of 3 = %v", got)
	}
	if got := biggest.Part(9999, 10000); got.Cmp(biggest) >= 0 {
		t.Errorf("part %v is not less", got)
	}
}

func TestBodiesRoundTrip(t *testing.T) {
	b := RegisterRecord{Kind: Study, Digest: Digest{1}}
	j, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var back RegisterRecord
	if err := Decode(j, &back); err != nil || back != b {
		t.Errorf("%s came back as %+v, %v", j, back, err)
	}
	if err := Decode([]byte(`{"kind":"health/study","colour":1}`), &back); err == nil {
		t.Error("an unknown field was accepted")
	}
}

func TestIDsAndKeys(t *testing.T) {
	id := NewJobID(Credit, CommandID{7})
	if got, word := IDOf(KeyOf(id)); got != string(id) || word != "job" {
		t.Errorf("the id under its key is %q, a %q", got, word)
	}
	for _, k := range []Key{NowKey, SupplyKey, EscrowKey(id), EscrowStateKey(NewEscrowID(Health, CommandID{7})), "credit/job/short", ""} {
		if got, word := IDOf(k); got != "" || word != "" {
			t.Errorf("%q is taken for the key of %q, a %q", k, got, word)
		}
	}
}

// A seat is reached at host:port, directly or at a hub.
func TestSeatsAddresses(t *testing.T) {
	seat := TakeSeat{Holder: NewPartyID(Common, make([]byte, 32)), Key: make([]byte, 32)}
	for address, right := range map[string]bool{"127.0.0.1:9": true, "hub/127.0.0.1:9": true, "hub/": false, "127.0.0.1": false, "127.0.0.1:0": false, "a:b": false} {
		seat.Address = address
		if err := seat.Check(); (err == nil) != right {
			t.Errorf("%q: %v", address, err)
		}
	}
}
