package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// Three hospitals learn totals, each by its own process, while one organisation's
// process is killed in the middle. No number of a site's stands anywhere on the
// node, as text or as eight bytes; what sites had shared is destroyed; and every
// command that is repeated changes nothing.
func TestInvariant1_8_ASumOverHospitals(t *testing.T) {
	ctx := ctxOf(t)
	names := []string{"summed north", "summed south", "summed east"}
	persons := []int64{1_870_415_929, 2_039_184_773, 1_650_928_337} // of no store by chance
	ids := make([]ledger.PartyID, len(names))
	for i, n := range names {
		p := net.party(t, n, ledger.Hospital, ledger.Health)
		ids[i] = p.ID()
		net.leave(t, p, n, ledger.Health)
	}
	ask := net.hospital(t) // who may look, and is no site of it
	eventually(t, "three organisations have seated their holders", time.Minute, func() (bool, error) {
		for _, o := range ask.Home.Network.Genesis.Organisations {
			if _, err := ask.Seat(ctx, ask.Home.Network.Genesis, o.ID); err != nil {
				return false, ignoreKind(err, notice.Unavailable)
			}
		}
		return true, nil
	})
	var proposed struct{ Sum ledger.SumID }
	check(t, json.Unmarshal(net.run(t, names[0], "sum", "propose", "--with", string(ids[1]), "--with", string(ids[2]), "--title", "beds",
		"--purpose", "research", "--column", "smoker", "--column", "nights:30"), &proposed))
	check(t, syscall.Kill(net.holders[2], syscall.SIGSTOP))
	for i, n := range names {
		for range 2 {
			net.run(t, n, "sum", "join", string(proposed.Sum), "--persons", fmt.Sprint(persons[i]), "--count", "smoker=100", "--count", "nights=200:4000")
		}
	}
	sum, err := owner.Get[ledger.Sum](ctx, ask.Client, proposed.Sum)
	check(t, err)
	eventually(t, "the first organisation has begun a session", time.Minute, func() (bool, error) {
		begun, err := filepath.Glob(filepath.Join(net.nodeDir(), "children", "party-health", "shares", "sum", string(proposed.Sum), "session-*"))
		return len(begun) > 0, err
	})
	check(t, syscall.Kill(net.holders[0], syscall.SIGKILL))
	check(t, syscall.Kill(net.holders[2], syscall.SIGCONT))
	type row struct {
		Persons int64
		Columns []struct{ Persons, Sum int64 }
	}
	var shown struct {
		State  ledger.Sum
		Result struct {
			Told bool
			Rows []row
		}
	}
	for _, n := range names {
		check(t, json.Unmarshal(net.run(t, n, "sum", "show", string(proposed.Sum), "--wait"), &shown))
		r := shown.Result
		if !r.Told || len(r.Rows) != 1 || r.Rows[0].Persons != persons[0]+persons[1]+persons[2] || r.Rows[0].Columns[0].Persons != 300 || r.Rows[0].Columns[1].Sum != 12000 {
			t.Errorf("%s reads %+v", n, r)
		}
	}
	if shown.State.Stage != ledger.SumDone || shown.State.Try < 2 {
		t.Errorf("the sum is %s after try %d", shown.State.Stage, shown.State.Try)
	}
	var left struct{ Sum ledger.SumID }
	check(t, json.Unmarshal(net.run(t, names[0], "sum", "propose", "--with", string(ids[1]), "--with", string(ids[2]), "--title", "persons", "--purpose", "care"), &left))
	net.run(t, names[0], "sum", "join", string(left.Sum), "--persons", "71")
	second, err := owner.Get[ledger.Sum](ctx, ask.Client, left.Sum)
	check(t, err)
	net.run(t, names[0], "sum", "leave", string(left.Sum))
	for _, in := range append(sum.Joined, second.Joined...) {
		for _, r := range in.Shares {
			eventually(t, "what the sites shared is destroyed", time.Minute, func() (bool, error) {
				_, err := ask.Fetch(ctx, r, 1<<20)
				return notice.Is(err, notice.NotFound), nil
			})
		}
	}
	check(t, filepath.WalkDir(net.nodeDir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return gone(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return gone(err)
		}
		for _, n := range persons {
			for _, form := range [][]byte{[]byte(fmt.Sprint(n)), binary.LittleEndian.AppendUint64(nil, uint64(n)), binary.BigEndian.AppendUint64(nil, uint64(n))} {
				if bytes.Contains(b, form) {
					t.Errorf("a site's number stands in %s", strings.TrimPrefix(path, net.nodeDir()))
				}
			}
		}
		return nil
	}))
}

// gone passes over what was there a moment ago.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func ignoreKind(err error, k notice.Kind) error {
	if notice.Is(err, k) {
		return nil
	}
	return err
}
