package wraps

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"manx/ledger"
)

const (
	heightName = "state/height"
	retryAfter = time.Second
)

// Watch destroys wraps, parts and shares when what permits them ends. It begins with
// all that is kept, in case the service was down when a grant ended, and goes
// on until ctx ends. It returns nil then; any other trouble is logged and tried
// again.
func (s *Service) Watch(ctx context.Context) error {
	for {
		err := s.follow(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		s.logger().ErrorContext(ctx, "release service does not see the ledger; it goes on giving only what it sees to be live", "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
	}
}

func (s *Service) follow(ctx context.Context) error {
	if err := s.Sweep(ctx); err != nil {
		return err
	}
	from, err := s.height(ctx)
	if err != nil {
		return err
	}
	saved := from
	for e, err := range s.Ledger.Events(ctx, from) {
		if err != nil {
			return err
		}
		if err := s.see(ctx, e); err != nil {
			return err
		}
		// The height itself may have more events: it is read again.
		if e.Name == ledger.TimeTicked && e.Height > saved {
			if err := s.Store.Put(ctx, heightName, binary.BigEndian.AppendUint64(nil, uint64(e.Height))); err != nil {
				return err
			}
			saved = e.Height
		}
	}
	return errors.New("events ended")
}

func (s *Service) height(ctx context.Context) (ledger.Height, error) {
	b, err := s.Store.Get(ctx, heightName)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) != 8 {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	return ledger.Height(binary.BigEndian.Uint64(b)), nil
}

// see acts on what an event's key names, whatever the event is called: the
// state is read again, so that events that come late or twice do no harm.
func (s *Service) see(ctx context.Context, e ledger.Event) error {
	if e.Key == ledger.NowKey {
		return s.expire(ctx)
	}
	id, word := ledger.IDOf(e.Key)
	switch word {
	case "grant":
		var g ledger.Grant
		err := s.read(ctx, e.Key, &g)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if g.Revoked == 0 {
			return nil
		}
		return s.destroyGrant(ctx, g.Record, ledger.GrantID(id))
	case "rec":
		erased, err := s.erased(ctx, ledger.RecordID(id))
		if err != nil || !erased {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return errors.Join(s.destroyUnder(ctx, "wrap/"+id), s.destroyUnder(ctx, "part/"+id))
	}
	return nil
}

func (s *Service) destroyGrant(ctx context.Context, r ledger.RecordID, g ledger.GrantID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.destroyUnder(ctx, "part/"+string(r)+"/"+string(g))
}

// expire destroys the parts whose grants' end has passed and forgets requests
// that cannot be replayed any more.
func (s *Service) expire(ctx context.Context) error {
	now, err := s.now(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, notAfter := range s.seen {
		if notAfter < now {
			delete(s.seen, id)
		}
	}
	for name, until := range s.ends {
		if now < until {
			continue
		}
		if err := s.Store.Destroy(ctx, name); err != nil {
			return err
		}
		delete(s.ends, name)
	}
	return nil
}

// Sweep compares everything that is kept with the ledger and destroys what
// nothing permits: parts and shares of grants that have ended, and all of erased
// records.
// Requests go on meanwhile: reading the ledger for all that is kept takes a while,
// and what has ended does not come to life again.
func (s *Service) Sweep(ctx context.Context) error {
	now, err := s.now(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.ends == nil {
		s.ends = map[string]ledger.Time{}
	}
	s.mu.Unlock()
	names, err := s.Store.Names(ctx, "part")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.sweepPart(ctx, name, now); err != nil {
			return err
		}
	}
	if names, err = s.Store.Names(ctx, "wrap"); err != nil {
		return err
	}
	for _, name := range names {
		parts := strings.Split(name, "/")
		if erased, err := s.erased(ctx, ledger.RecordID(parts[1])); err != nil {
			return err
		} else if !erased {
			continue
		}
		if err := s.destroy(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// sweepPart destroys a part whose grant or record has ended. What this ledger
// does not know yet, as while it catches up, is kept and not given.
func (s *Service) sweepPart(ctx context.Context, name string, now ledger.Time) error {
	parts := strings.Split(name, "/")
	if len(parts) != 4 {
		return errors.New("a part is kept under an impossible name")
	}
	var g ledger.Grant
	err := s.read(ctx, ledger.KeyOf(ledger.GrantID(parts[2])), &g)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	erased, err := s.erased(ctx, g.Record)
	if err != nil {
		return err
	}
	if erased || !g.Live(now) {
		return s.destroy(ctx, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends[name] = g.Until
	return nil
}

func (s *Service) destroy(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ends, name)
	return s.Store.Destroy(ctx, name)
}

func (s *Service) erased(ctx context.Context, id ledger.RecordID) (bool, error) {
	var r ledger.Record
	err := s.read(ctx, ledger.KeyOf(id), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return r.Erased, err
}

func (s *Service) logger() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
