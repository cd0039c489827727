package portal

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manx/ledger"
)

// spokenJob is what spoken.mjs is told.
type spokenJob struct {
	walk
	Sentence string `json:"sentence"` // of a contract, but for a party
	Party    string `json:"party"`    // who that is
}

// spokenSeen is what it reports beside the rest.
type spokenSeen struct {
	seen
	Before struct {
		On                bool // the recogniser
		Buttons, Listened int  // that start it; how often it was started
	}
	Listened []string // in which language, each time
	Told     string   // the page on which the sentence is told back
}

// TestASpokenSentenceInTheBrowser speaks a contract's sentence to a recogniser of the
// test's own, which is off until it is switched on.
func TestASpokenSentenceInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a network and a browser")
	}
	chromium, uiDir := needs(t)
	dir := t.TempDir()
	net := start(t, dir)
	landlord := join(t, dir, net.Address, "Riverside Bureau", ledger.Credit, ledger.Furnisher)
	walks := []spokenJob{{walk: walk{Language: "en", Label: "en-desktop", Width: 1280, Height: 860}, Sentence: "Pay the landlord 5 MAN when I approve, otherwise refund me after 7 days."}}
	shots := dir
	if to := os.Getenv("MANX_SCREENS"); to != "" { // the page in Chinese is looked at where pictures are wanted
		shots, walks = to, append(walks, spokenJob{walk: walk{Language: "zh", Label: "zh-phone", Width: 390, Height: 844, Dark: true}, Sentence: "当我同意时，向房东支付5 MAN，否则7天后退款给我。"})
	}
	for _, w := range walks {
		w.Address, w.Chromium, w.UI, w.Out, w.Private, w.Profile = net.Address, chromium, uiDir, shots, dir, filepath.Join(dir, "profile-"+w.Label)
		w.Passphrase, w.Steps, w.Party = passphrase, []string{"spoken"}, string(landlord.ID())
		t.Run(w.Label, func(t *testing.T) {
			var s spokenSeen
			browse(t, "spoken.mjs", w.Label, w, &s, nil)
			s.whole(t, w.Label)
			if len(s.Console) > 0 || len(s.Axe) > 0 || s.Wide > 0 || !slices.Equal(s.Origins, []string{net.Address}) {
				t.Errorf("console %q, axe %q, %d pixels too wide, origins %q", s.Console, s.Axe, s.Wide, s.Origins)
			}
			if s.Before.On || s.Before.Buttons != 0 || s.Before.Listened != 0 {
				t.Errorf("before it was switched on the recogniser had %+v", s.Before)
			}
			if tongue := map[string]string{"en": "en-GB", "zh": "zh-CN"}[w.Language]; !slices.Equal(s.Listened, []string{tongue, tongue}) {
				t.Errorf("it listened in %q", s.Listened)
			}
			if !strings.Contains(s.Told, "5 MAN") || !strings.Contains(s.Told, "房东") {
				t.Errorf("the spoken sentence is told back as %q", s.Told)
			}
		})
	}
}
