package ledgertest

import (
	"strings"

	"manx/ledger"
	"manx/privacy/notice"
)

// published: what the portal is stays readable, version by version, and one
// organisation cannot say it.
func published(s *Story) {
	orgs := s.World.Organisations
	b := ledger.PublishPortal{Version: 1, Release: "1.0", Files: []ledger.PortalFile{{Path: "index.html", SHA384: strings.Repeat("A", 64)}}}
	if last, ok := Find[ledger.Portal](s, ledger.PortalKey); ok { // a network that goes on
		b.Version = last.Version + 1
	}
	if err := s.Try(orgs[0], b); !notice.Is(err, notice.Denied) {
		s.T.Errorf("one organisation publishes a portal: %v", err)
	}
	s.Do(orgs[0], b, orgs[1])
	if p := Read[ledger.Portal](s, ledger.PortalVersionKey(b.Version)); p.Release != "1.0" || len(p.Files) != 1 {
		s.T.Errorf("published was %+v", p)
	}
}
