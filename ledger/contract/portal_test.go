package contract

import (
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// A portal is what a majority says, one version after the other, and all stay.
func TestPortalIsPublishedByAMajority(t *testing.T) {
	s, _ := begin(t)
	orgs := s.World.Organisations
	of := func(version uint64, digit string) ledger.PublishPortal {
		return ledger.PublishPortal{Version: version, Release: "0.9", Files: []ledger.PortalFile{{Path: "assets/a.js", SHA384: strings.Repeat(digit, 64)}, {Path: "index.html", SHA384: strings.Repeat("B", 64)}}}
	}
	denied(t, "a person's word", s.Try(s.Party(ledger.Health, ledger.Person), of(1, "A"), orgs[0], orgs[1]), notice.Denied)
	denied(t, "one organisation's word", s.Try(orgs[0], of(1, "A")), notice.Denied)
	denied(t, "out of turn", s.Try(orgs[0], of(2, "A"), orgs[1]), notice.Conflict)
	s.Do(orgs[0], of(1, "A"), orgs[1])
	denied(t, "the same again", s.Try(orgs[0], of(1, "A"), orgs[1]), notice.Conflict)
	s.Do(orgs[1], of(2, "C"), orgs[0])
	if p := ledgertest.Read[ledger.Portal](s, ledger.PortalKey); p.Version != 2 || p.At == 0 || p.Files[0].SHA384[0] != 'C' {
		t.Errorf("the portal is %+v", p)
	}
	if p := ledgertest.Read[ledger.Portal](s, ledger.PortalVersionKey(1)); p.Version != 1 || p.Files[0].SHA384[0] != 'A' {
		t.Errorf("the first portal is %+v", p)
	}
	for name, spoil := range map[string]func(b *ledger.PublishPortal){
		"no version":    func(b *ledger.PublishPortal) { b.Version = 0 },
		"no release":    func(b *ledger.PublishPortal) { b.Release = "" },
		"no files":      func(b *ledger.PublishPortal) { b.Files = nil },
		"out of order":  func(b *ledger.PublishPortal) { b.Files[0], b.Files[1] = b.Files[1], b.Files[0] },
		"twice":         func(b *ledger.PublishPortal) { b.Files[1].Path = b.Files[0].Path },
		"absolute":      func(b *ledger.PublishPortal) { b.Files[0].Path = "/a" },
		"upward":        func(b *ledger.PublishPortal) { b.Files[0].Path = "a/../b" },
		"a short hash":  func(b *ledger.PublishPortal) { b.Files[0].SHA384 = "AAAA" },
		"not in base64": func(b *ledger.PublishPortal) { b.Files[0].SHA384 = strings.Repeat("-", 64) },
	} {
		b := of(3, "A")
		if spoil(&b); b.Check() == nil {
			t.Errorf("%s passes", name)
		}
	}
}
