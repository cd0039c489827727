package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"manx/ledger"
	"manx/web/api"
)

// post sends a command as it is and returns the answer's status and body.
func (n *network) post(t testing.TB, path string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctxOf(t), http.MethodPost, n.front.URL+path, bytes.NewReader(body))
	check(t, err)
	resp, err := http.DefaultClient.Do(req)
	check(t, err)
	defer resp.Body.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(resp.Body)
	check(t, err)
	return resp.StatusCode, out.String()
}

// A history is all that ever changed on the ledger, but for the passing of time.
type history struct {
	digest  [32]byte
	changes int
}

// history reads the ledger's events from the first to a mark that it makes.
func (n *network) history(t testing.TB) (h history) {
	t.Helper()
	auditor := n.party(t, "auditor", ledger.Worker, ledger.Common)
	mark, err := auditor.Send(ctxOf(t), auditor.ID(), ledger.MAN(1))
	check(t, err)
	ctx, stop := context.WithCancel(ctxOf(t))
	defer stop()
	sum := sha256.New()
	for e, err := range auditor.Events(ctx, 1) {
		check(t, err)
		if e.Name == ledger.TimeTicked || e.Name == ledger.ReceiptCheckpointed || bytes.Contains(e.Body, []byte(auditor.ID())) || n.marked[e.Cause] {
			continue
		}
		if e.Cause == mark.ID {
			n.marked[mark.ID] = true
			break
		}
		h.changes++
		b, err := json.Marshal(e)
		check(t, err)
		sum.Write(b)
	}
	h.digest = [32]byte(sum.Sum(nil))
	return h
}

type stranger struct {
	id  ledger.PartyID
	key ed25519.PrivateKey
}

func (s stranger) Party() ledger.PartyID { return s.id }
func (s stranger) Sign(m []byte) []byte  { return ed25519.Sign(s.key, m) }

// Commands that were altered, replayed, are stale or of another network change
// nothing, whoever carries them.
func TestInvariant2_OnlyWhatItsAuthorSignedChangesTheLedger(t *testing.T) {
	ctx := ctxOf(t)
	p, hospital := net.patient(t), net.hospital(t)
	info, err := p.Info(ctx)
	check(t, err)
	network := info.Genesis.ID()
	coins, err := p.Coins(ctx)
	check(t, err)
	change := minus(t, coins[0].Amount, ledger.MAN(1))
	pay := ledger.SendCoins{In: []ledger.CoinID{coins[0].ID}, Out: []ledger.Output{{To: hospital.ID(), Amount: ledger.MAN(1)}, {To: p.ID(), Amount: change}}}
	good, err := ledger.NewCommand(network, p.Signer(), info.Now+600, pay)
	check(t, err)
	signed := func(n ledger.NetworkID, by ledger.Signer, until ledger.Time, b ledger.Body) ledger.Command {
		c, err := ledger.NewCommand(n, by, until, b)
		check(t, err)
		return c
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	nobody := stranger{ledger.NewPartyID(ledger.Health, public), private}
	forger := stranger{p.ID(), private}
	altered := func(f func(c *ledger.Command)) ledger.Command {
		c := good
		c.Body, c.Sig = slices.Clone(good.Body), slices.Clone(good.Sig)
		f(&c)
		return c
	}
	bad := map[string]ledger.Command{
		"another amount": altered(func(c *ledger.Command) { c.Body = bytes.Replace(c.Body, []byte(`"1"`), []byte(`"2"`), 1) }),
		"another payee": altered(func(c *ledger.Command) {
			c.Body = bytes.ReplaceAll(c.Body, []byte(hospital.ID()), []byte(net.party(t, "auditor", ledger.Worker, ledger.Common).ID()))
		}),
		"a space more in the body": altered(func(c *ledger.Command) { c.Body = append(c.Body, ' ') }),
		"another id":               altered(func(c *ledger.Command) { c.ID[3]++ }),
		"another name":             altered(func(c *ledger.Command) { c.Name = "coin.issue" }),
		"another author":           altered(func(c *ledger.Command) { c.Author = hospital.ID() }),
		"a longer life":            altered(func(c *ledger.Command) { c.NotAfter++ }),
		"a flipped signature":      altered(func(c *ledger.Command) { c.Sig[7] ^= 1 }),
		"no signature":             altered(func(c *ledger.Command) { c.Sig = nil }),
		"another network's name":   altered(func(c *ledger.Command) { c.Network = "00112233445566778899aabbccddeeff" }),
		"signed by another party":  altered(func(c *ledger.Command) { c.Sig = hospital.Signer().Sign(c.SigningBytes()) }),
		"signed by a forger":       signed(network, forger, info.Now+600, pay),
		"of another network":       signed("00112233445566778899aabbccddeeff", p.Signer(), info.Now+600, pay),
		"stale":                    signed(network, p.Signer(), info.Now-1, pay),
		"valid too long":           signed(network, p.Signer(), info.Now+3*24*3600, pay),
		"of nobody":                signed(network, nobody, info.Now+600, pay),
		"her own money press":      signed(network, p.Signer(), info.Now+600, ledger.IssueCoins{Out: []ledger.Output{{To: p.ID(), Amount: ledger.MAN(1000)}}, Reason: "mine"}),
		"her own clock":            signed(network, p.Signer(), info.Now+600, ledger.Tick{Time: info.Now + 100}),
	}
	before := net.history(t)
	for name, c := range bad {
		b, err := json.Marshal(c)
		check(t, err)
		if status, answer := net.post(t, api.Commands, b); status < 400 || status >= 500 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	raw, err := json.Marshal(good)
	check(t, err)
	for name, b := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("{"), "twice": append(slices.Clone(raw), raw...), "an unknown field": bytes.Replace(raw, []byte("{"), []byte(`{"more":1,`), 1),
		"too long": append(raw, bytes.Repeat([]byte(" "), ledger.MaxCommand)...), "a body that is no JSON": bytes.Replace(raw, []byte(base64.StdEncoding.EncodeToString(good.Body)), []byte("AAAA"), 1),
	} {
		if status, answer := net.post(t, api.Commands, b); status < 400 || status >= 500 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if after := net.history(t); after != before {
		t.Errorf("%d changes came of commands that nobody signed", after.changes-before.changes)
	}

	// The good one counts once, and every accepted one that passed by before is
	// answered as it was, and changes nothing.
	status, first := net.post(t, api.Commands, raw)
	if status != http.StatusOK {
		t.Fatalf("the good one: %d %s", status, first)
	}
	once := net.history(t)
	if once.changes <= before.changes {
		t.Error("the good one changed nothing")
	}
	for range 3 {
		if status, again := net.post(t, api.Commands, raw); status != http.StatusOK || again != first {
			t.Errorf("a replay: %d %s, not %s", status, again, first)
		}
	}
	net.wire.mu.Lock()
	past := slices.Clone(net.wire.commands)
	net.wire.mu.Unlock()
	for _, c := range past {
		if status, answer := net.post(t, api.Commands, c); status != http.StatusOK {
			t.Errorf("a replay of an old command: %d %s", status, answer)
		}
	}
	if after := net.history(t); after != once {
		t.Errorf("%d changes came of %d replays", after.changes-once.changes, len(past)+3)
	}
	var session ledger.Command = signed(network, p.Signer(), info.Now+500, api.OpenSession{})
	b, err := json.Marshal(session)
	check(t, err)
	if status, _ := net.post(t, api.Sessions, b); status != http.StatusOK {
		t.Errorf("a session: %d", status)
	}
	if status, _ := net.post(t, api.Sessions, b); status != http.StatusForbidden {
		t.Errorf("a session's command opens another: %d", status)
	}
	t.Logf("%d forgeries and %d replays; %d changes before and after", len(bad)+6, len(past)+3, once.changes)
}
