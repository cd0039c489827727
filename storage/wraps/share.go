package wraps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
)

func (b PutShare) service() ledger.PartyID  { return b.Service }
func (b TakeShare) service() ledger.PartyID { return b.Service }
func (b DropShare) service() ledger.PartyID { return b.Service }

func shareName(r ledger.RecordID, g ledger.GrantID) string {
	return fmt.Sprintf("part/%s/%s/share", r, g)
}

func (s *Service) putShare(ctx context.Context, c ledger.Command, b PutShare) ([]byte, error) {
	g, err := s.live(ctx, b.Grant, ledger.Compute, 0)
	if err != nil {
		return nil, err
	}
	if g.Owner != c.Author {
		return nil, errNotOwner()
	}
	if !slices.Contains(g.Organisations[:], s.Org) {
		return nil, notice.New(notice.Denied, "the grant names other organisations to compute on shares", "leave the share with those: `manx credit share`")
	}
	return nil, s.once(c, func() error {
		name := shareName(g.Record, b.Grant)
		if err := s.Store.Put(ctx, name, b.Sealed); err != nil {
			return err
		}
		if s.ends != nil {
			s.ends[name] = g.Until
		}
		// As with parts: the grant may have ended meanwhile.
		if _, err := s.live(ctx, b.Grant, ledger.Compute, 0); err != nil {
			return errors.Join(err, s.Store.Destroy(ctx, name))
		}
		return nil
	})
}

func (s *Service) takeShare(ctx context.Context, c ledger.Command, b TakeShare) ([]byte, error) {
	if err := s.seated(ctx, c.Author); err != nil {
		return nil, err
	}
	g, err := s.live(ctx, b.Grant, ledger.Compute, 0)
	if err != nil {
		return nil, err
	}
	sealed, err := s.Store.Get(ctx, shareName(g.Record, b.Grant))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notice.Because(err, notice.NotFound, "no share waits here under that grant", "its owner leaves it: `manx credit share`")
	}
	return sealed, err
}

func (s *Service) dropShare(ctx context.Context, c ledger.Command, b DropShare) ([]byte, error) {
	if err := s.seated(ctx, c.Author); err != nil {
		return nil, err
	}
	var g ledger.Grant
	if err := s.read(ctx, ledger.KeyOf(b.Grant), &g); err != nil {
		return nil, err
	}
	return nil, s.once(c, func() error {
		name := shareName(g.Record, b.Grant)
		delete(s.ends, name)
		return s.Store.Destroy(ctx, name)
	})
}

// seated refuses who does not sit for the organisation.
func (s *Service) seated(ctx context.Context, who ledger.PartyID) error {
	var c ledger.Command
	var seat ledger.TakeSeat
	err := s.read(ctx, ledger.SeatKey(s.Org), &c)
	if err == nil {
		err = json.Unmarshal(c.Body, &seat)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if seat.Holder != who || err != nil {
		return notice.Because(err, notice.Denied, "only the holder that sits for this organisation takes shares", "the organisation seats one: `manx party run`")
	}
	return nil
}
