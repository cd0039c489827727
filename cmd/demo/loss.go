package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"manx/cmd/node"
	"manx/cmd/real/kubo"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
	"manx/web/owner/patient"
)

func (s *scan) destroy(ctx context.Context) error {
	return s.step("Two of the six storage nodes are destroyed", nil, func(say func(string, ...any)) error {
		for _, n := range []int{1, 4} {
			blocks, err := s.lose(n)
			if err != nil {
				return err
			}
			if err := s.check(blocks > 0, "the destroyed node held shards"); err != nil {
				return err
			}
			say("node-%d lost all of its %d blocks", n, blocks)
		}
		if err := s.opensAs(ctx, s.p, "", s.folder); err != nil {
			return err
		}
		say("the study opens byte for byte from the other four")
		if err := s.returnNodes(ctx); err != nil {
			return err
		}
		r, err := owner.Get[ledger.Record](ctx, s.p.Client, s.record)
		if err != nil {
			return err
		}
		v, _ := r.Latest()
		h, err := s.second.Vault.Repair(ctx, v.Manifest)
		if err != nil {
			return err
		}
		if h, err = s.p.Vault.Verify(ctx, v.Manifest); err != nil {
			return err
		}
		say("repaired by a party that has no key: %d of %d shards whole", h.Shards-len(h.Faults), h.Shards)
		return s.check(h.Whole() && len(h.Faults) == 0, "lost shards were rebuilt without a key")
	})
}

// lose destroys what a storage node holds and returns how many blocks that was. A Kubo
// node is killed first.
func (s *scan) lose(number int) (blocks int, err error) {
	dir := filepath.Join(s.Dir, "node", "ipfs", strconv.Itoa(number))
	if s.Real {
		nodes, err := kubo.Find(s.kubo())
		if err != nil {
			return 0, err
		}
		if err := nodes.Processes[number].Kill(); err != nil {
			return 0, err
		}
		dir = nodes.Blocks(number)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.data"))
	if err != nil {
		return 0, fmt.Errorf("destroy: %w", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			return 0, fmt.Errorf("destroy: %w", err)
		}
	}
	return len(files), nil
}

// returnNodes starts the killed nodes again, empty.
func (s *scan) returnNodes(ctx context.Context) error {
	if !s.Real {
		return nil
	}
	_, err := kubo.Up(ctx, kubo.Options{Dir: s.kubo()})
	return err
}

func (s *scan) kubo() string { return node.KuboFolder(filepath.Join(s.Dir, "node")) }

func (s *scan) later(ctx context.Context) error {
	if s.Study != "" {
		return nil
	}
	return s.step("Two late slices arrive", nil, func(say func(string, ...any)) error {
		added, err := patient.Add(ctx, s.p, s.progress, s.later2)
		if err != nil {
			return err
		}
		a := added[0]
		say("%s is at version %d: %d instances, %d of them new; the others were not sent again", a.Record, a.Version, a.Instances, a.New)
		if err := s.check(a.Record == s.record && a.Version == 2 && a.New == late && a.Instances == slices, "late slices become a new version"); err != nil {
			return err
		}
		return s.opensAs(ctx, s.p, "", s.folder, s.later2)
	})
}

func (s *scan) recover(ctx context.Context) error {
	return s.step("Her device is lost; two of three guardians bring everything back", map[string]string{"organisations": "a sealed backup that names nobody"}, func(say func(string, ...any)) error {
		if err := s.home.Backup(ctx); err != nil {
			return err
		}
		shares, err := s.home.Keys.Kit().Shares(2, 3)
		if err != nil {
			return err
		}
		before, err := s.p.Balance(ctx)
		if err != nil {
			return err
		}
		kit, err := joinShares(shares[0], shares[2])
		if err != nil {
			return err
		}
		pass, err := seal.NewPassphrase("a new passphrase on a new device")
		if err != nil {
			return err
		}
		h, got, err := owner.Recover(ctx, filepath.Join(s.Dir, "patient", "new-device"), pass, kit, s.address)
		if err != nil {
			return err
		}
		s.homes = append(s.homes, h)
		p, err := h.As(ledger.Health)
		if err != nil {
			return err
		}
		folders := []string{s.folder}
		if s.later2 != "" {
			folders = append(folders, s.later2)
		}
		if err := s.opensAs(ctx, p, "", folders...); err != nil {
			return err
		}
		say("%d records, %d grants and %s MAN are hers on the new device", got.Records, got.Grants, got.Balance[p.ID()])
		if err := s.check(got.Balance[p.ID()] == before && p.ID() == s.p.ID(), "records and MAN belong to the PartyID, not to a lost key"); err != nil {
			return err
		}
		_, err = s.p.Send(ctx, s.hospital.ID(), ledger.MAN(1))
		text, err := s.refused(err, "the lost device's key moves nothing any more", notice.Denied)
		say("the lost device tries to pay: refused: %s", text)
		s.p = p
		return err
	})
}
