package portal

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"manx/ledger"
	"manx/web/owner/score"
)

// awayJob is what away.mjs is told.
type awayJob struct {
	walk
	Bank   string `json:"bank"`
	Bureau string `json:"bureau"`
}

// awaySeen is what it reports beside the rest.
type awaySeen struct {
	lent
	Again bool // whether a second score was to be had
}

// TestAScoreWhileAwayInTheBrowser has a lender ask for a score that was permitted
// beforehand, while the borrower's tab is gone: the one, and no second.
func TestAScoreWhileAwayInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a network, its holders of shares and a browser")
	}
	chromium, uiDir := needs(t)
	dir := t.TempDir()
	net := start(t, dir, "--parties=true")
	bureau := join(t, dir, net.Address, "Riverside Bureau", ledger.Credit, ledger.Furnisher)
	awaitNamed(t, bureau, score.DefaultModel)
	walks := []walk{{Language: "en", Label: "en-desktop", Width: 1280, Height: 860}}
	shots := dir
	if to := os.Getenv("MANX_SCREENS"); to != "" { // the page in Chinese is looked at where pictures are wanted
		shots, walks = to, append(walks, walk{Language: "zh", Label: "zh-phone", Width: 390, Height: 844, Dark: true})
	}
	for _, l := range walks {
		l.Address, l.Chromium, l.UI, l.Out, l.Private, l.Profile = net.Address, chromium, uiDir, shots, dir, filepath.Join(dir, "profile-"+l.Label)
		l.Passphrase, l.Steps = passphrase, []string{"permitted", "away"}
		w := awayJob{walk: l, Bank: "Riverside Bank", Bureau: "Riverside Bureau"}
		t.Run(l.Label, func(t *testing.T) {
			var s awaySeen
			browse(t, "away.mjs", w.Label, w, &s, func(ctx context.Context) error { return furnishes(ctx, bureau, dir, w.Label) })
			s.whole(t, w.Label)
			if len(s.Console) > 0 || len(s.Axe) > 0 || s.Wide > 0 || !slices.Equal(s.Origins, []string{net.Address}) {
				t.Errorf("console %q, axe %q, %d pixels too wide, origins %q", s.Console, s.Axe, s.Wide, s.Origins)
			}
			if s.Own == "" || s.Own != s.Score || s.Reasons == 0 || s.Reasons > 4 {
				t.Errorf("the borrower saw %s, the lender %s with %d reasons", s.Own, s.Score, s.Reasons)
			}
			if s.Again {
				t.Error("one score was permitted, and a second is offered")
			}
		})
	}
}
