package contract

import (
	"fmt"

	"manx/ledger"
	"manx/privacy/notice"
)

// publishPortal keeps what a majority says that the portal is.
func publishPortal(t *txn, b ledger.PublishPortal) error {
	if err := t.governed(); err != nil {
		return err
	}
	old, _, err := load[ledger.Portal](t, ledger.PortalKey)
	if err != nil {
		return err
	}
	if b.Version != old.Version+1 {
		return refuse(notice.Conflict, fmt.Sprintf("the portal published last has version %d, so that the next has %d", old.Version, old.Version+1), "propose it anew: `manx portal publish`")
	}
	p := ledger.Portal{Version: b.Version, Release: b.Release, Files: b.Files, At: t.now}
	if err := t.save(ledger.PortalVersionKey(p.Version), p, ""); err != nil {
		return err
	}
	return t.save(ledger.PortalKey, p, ledger.PortalPublished)
}
