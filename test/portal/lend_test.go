package portal

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/credit"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
	"manx/web/owner/score"
)

// lending is a walk of two accounts.
type lending struct {
	walk
	Bank     string `json:"bank"`
	Bureau   string `json:"bureau"`
	Unsigned string `json:"unsigned"` // a credit file that nobody signed
	Nonsense string `json:"nonsense"` // a sentence that is no contract
	Sentence string `json:"sentence"` // one that is, but for a party
	Party    string `json:"party"`    // who that is
}

// lent is what it reports beside the rest.
type lent struct {
	seen
	Parties map[string]ledger.PartyID
	Wider   []string
	Own     string // score, as the borrower saw it
	Score   string // as the lender did
	Reasons int
	CSV     string
	Deeds   int
	Paid    int      // instalments in the calendar
	Told    []string // a sentence's contract, in both languages
}

// furnishes gives each borrower whose id the walk has written down her file.
func furnishes(ctx context.Context, bureau *owner.Party, dir, label string) error {
	for {
		b, err := os.ReadFile(filepath.Join(dir, "borrower-"+label))
		if err == nil && ledger.CheckID(ledger.PartyID(b), "p") == nil {
			var csv bytes.Buffer
			if err := credit.Write(&csv, credit.Sample(7), reveal.Token{}); err != nil {
				return err
			}
			sealed, _, err := score.Furnish(ctx, bureau, ledger.PartyID(b), &csv, time.Now())
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "given"), sealed, 0o600)
			}
			if err == nil { // whole, or not there
				err = os.Rename(filepath.Join(dir, "given"), filepath.Join(dir, label+".credit"))
			}
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

func (w lending) run(t *testing.T, bureau *owner.Party) (s lent) {
	t.Helper()
	browse(t, "lend.mjs", w.Label, w, &s, func(ctx context.Context) error { return furnishes(ctx, bureau, w.Private, w.Label) })
	s.whole(t, w.Label)
	return s
}

// TestInvariant5_ABorrowerAndALenderInTheBrowser walks from a credit file to a loan's
// first instalment as two accounts, after a third on the health side of the same browser,
// and looks in all that the browser sent for the file, and for the other side's party.
func TestInvariant5_ABorrowerAndALenderInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a network and a browser")
	}
	chromium, uiDir := needs(t)
	dir := t.TempDir()
	net := start(t, dir)
	bureau := join(t, dir, net.Address, "Riverside Bureau", ledger.Credit, ledger.Furnisher)
	awaitNamed(t, bureau, score.DefaultModel)
	shots := dir
	if to := os.Getenv("MANX_SCREENS"); to != "" {
		shots = to
	}
	var csv bytes.Buffer
	if err := credit.Write(&csv, credit.Sample(7), reveal.Token{}); err != nil {
		t.Fatal(err)
	}
	unsigned := filepath.Join(dir, "unsigned.csv")
	if err := os.WriteFile(unsigned, csv.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	header, row, _ := strings.Cut(csv.String(), "\n")
	whole := []string{"patient", "borrower", "file", "lender", "consent", "score", "repay", "sentence"}
	for _, w := range []lending{
		{walk: walk{Language: "en", Label: "en-desktop", Width: 1280, Height: 860}, Nonsense: "Pay the landlord 5 MAN unless it rains.", Sentence: "Pay the landlord 5 MAN when I approve, otherwise refund me after 7 days."},
		{walk: walk{Language: "zh", Label: "zh-phone", Width: 390, Height: 844, Dark: true}, Nonsense: "向房东支付5 MAN，除非下雨。", Sentence: "当我同意时，向房东支付5 MAN，否则7天后退款给我。"},
	} {
		t.Run(w.Label, func(t *testing.T) {
			w.Address, w.Chromium, w.UI, w.Out, w.Private, w.Profile = net.Address, chromium, uiDir, shots, dir, filepath.Join(dir, "profile-"+w.Label)
			w.Passphrase, w.Steps, w.Bank, w.Bureau, w.Unsigned, w.Party = passphrase, whole, "Riverside Bank", "Riverside Bureau", unsigned, string(bureau.ID())
			s := w.run(t, bureau)
			if len(s.Console) > 0 {
				t.Errorf("the console has %q", s.Console)
			}
			if !slices.Equal(s.Origins, []string{net.Address}) {
				t.Errorf("the page spoke to %q, not to its node alone", s.Origins)
			}
			if len(s.Axe) > 0 {
				t.Errorf("axe finds %d serious faults:\n%s", len(s.Axe), strings.Join(s.Axe, "\n"))
			}
			if len(s.Wider) > 0 {
				t.Errorf("pages are wider than the window: %q", s.Wider)
			}
			if s.Own == "" || s.Own != s.Score || s.Reasons == 0 || s.Reasons > 4 {
				t.Errorf("the borrower saw %s, the lender %s with %d reasons", s.Own, s.Score, s.Reasons)
			}
			if !strings.Contains(s.CSV, "manx/adverse-action/v1") || s.Deeds < 4 || s.Paid != 1 {
				t.Errorf("letter %q, %d lines of log, %d instalments paid", s.CSV, s.Deeds, s.Paid)
			}
			id := string(bureau.ID())
			told := strings.Join(s.Told, "\n")
			for _, want := range []string{"is “Riverside Bureau” (…" + id[len(id)-12:] + ").", "是「Riverside Bureau」（…" + id[len(id)-12:] + "）。", "is you (…", "是您（…"} {
				if !strings.Contains(told, want) {
					t.Errorf("no %q in %q", want, s.Told)
				}
			}
			sent, err := os.ReadFile(filepath.Join(dir, "network.bin"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(sent, []byte(s.Parties["borrower"])) {
				t.Fatal("the network log does not hold what was sent")
			}
			for _, needle := range []string{string(s.Parties["patient"]), "health-p-", "health-rec-", header, strings.TrimSpace(row), passphrase} {
				if needle == "" || bytes.Contains(sent, []byte(needle)) {
					t.Errorf("an account of the credit side sent %q", needle)
				}
			}
		})
	}
}

// awaitNamed returns when a model is on offer for a party.
func awaitNamed(t *testing.T, p *owner.Party, name string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	defer stop()
	for {
		_, err := p.ModelNamed(ctx, name)
		if err == nil {
			return
		}
		if !notice.Is(err, notice.NotFound) && ctx.Err() == nil {
			t.Fatal(err)
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the node's models are not on offer")
		}
	}
}
