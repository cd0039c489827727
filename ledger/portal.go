package ledger

import (
	"errors"
	"strconv"
	"strings"
)

// A Portal is a build of the page that people use, as a majority of the organisations
// published it. A node may serve an older one; what is no published one is none of
// theirs.
type Portal struct {
	Version uint64       `json:"version"` // 1, and for each later one the number after
	Release string       `json:"release"` // what the software calls itself
	Files   []PortalFile `json:"files"`   // all it is made of, by path
	At      Time         `json:"at"`      // when it was published
}

// A PortalFile is one file of a portal. The page itself is "index.html", before what
// is drawn for each visit is put in.
type PortalFile struct {
	Path   string `json:"path"`
	SHA384 string `json:"sha384"` // 64 characters of base64, as in an integrity attribute
}

// PortalKey is where the portal that was published last is kept.
const PortalKey Key = "common/portal"

// PortalVersionKey is where each is kept.
func PortalVersionKey(version uint64) Key {
	return PortalKey + "/" + Key(strconv.FormatUint(version, 10))
}

// Bounds of a portal.
const (
	maxPortalFiles = 512
	maxPortalPath  = 128
	sha384Text     = 64
)

// PublishPortal says what the portal is. A majority of the organisations must sign,
// and each saw which one it follows: Version says.
type PublishPortal struct {
	Version uint64       `json:"version"`
	Release string       `json:"release"`
	Files   []PortalFile `json:"files"`
}

// Command implements Body.
func (PublishPortal) Command() string { return "portal.publish" }

// Check implements Body.
func (b PublishPortal) Check() error {
	switch {
	case b.Version == 0:
		return errors.New("the first portal has version 1")
	case b.Release == "" || len(b.Release) > 64:
		return errors.New("a portal has a release of 1 to 64 bytes")
	case len(b.Files) == 0 || len(b.Files) > maxPortalFiles:
		return errors.New("a portal has 1 to 512 files")
	}
	last := ""
	for _, f := range b.Files {
		if f.Path <= last || len(f.Path) > maxPortalPath || strings.HasPrefix(f.Path, "/") || strings.Contains(f.Path, "..") {
			return errors.New("a portal's files are in order of their paths, which are relative and at most 128 bytes")
		}
		if len(f.SHA384) != sha384Text || strings.ContainsFunc(f.SHA384, func(r rune) bool { return !strings.ContainsRune(base64Digits, r) }) {
			return errors.New("a portal's file has a SHA-384 in base64")
		}
		last = f.Path
	}
	return nil
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
