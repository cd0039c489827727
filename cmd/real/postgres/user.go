package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"manx/privacy/notice"
)

// systemUser returns whom PostgreSQL runs as: ourselves, or, since it refuses
// root, the user that its package made.
func systemUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, notice.Because(err, notice.Unsupported, "PostgreSQL does not run as root, and there is no user postgres",
			"`apt-get install --no-install-recommends postgresql` makes one; or start this as another user")
	}
	uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uerr, gerr); err != nil {
		return nil, fmt.Errorf("user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// openWay lets the system user pass, and no more, through the folders above the
// cluster. Only folders of ours that nobody else may enter are changed, and no
// home.
func (f folder) openWay() error {
	if f.user == nil {
		return nil
	}
	home, _ := os.UserHomeDir()
	for dir := f.Dir; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("folder of PostgreSQL: %w", err)
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		mode := info.Mode().Perm()
		passes := mode&0o001 != 0 || ok && owner.Gid == f.user.Gid && mode&0o010 != 0 || ok && owner.Uid == f.user.Uid && mode&0o100 != 0
		isHome := home != "" && (dir == home || strings.HasPrefix(home, strings.TrimSuffix(dir, "/")+"/"))
		switch {
		case passes:
		case !ok || isHome || int(owner.Uid) != os.Geteuid() || mode&0o070 != 0:
			return notice.New(notice.Denied, "the system user postgres cannot pass through "+dir, "choose a folder that it can reach: --data /var/lib/manx")
		default:
			if err := errors.Join(os.Chown(dir, -1, int(f.user.Gid)), os.Chmod(dir, mode|0o010)); err != nil {
				return fmt.Errorf("folder of PostgreSQL: %w", err)
			}
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}
