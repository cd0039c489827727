package wraps

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"strconv"
	"sync"

	"manx/ledger"
	"manx/privacy/notice"
)

// A Ledger is what the service sees of the agreed state.
type Ledger interface {
	Read(ctx context.Context, k ledger.Key) ([]byte, error)
	Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error]
}

// A Store keeps bytes by name and can really delete them. It is safe for
// concurrent use.
type Store interface {
	// Put returns once b is durable, and destroys what it replaces.
	Put(ctx context.Context, name string, b []byte) error
	// Get returns the bytes, or an error matching fs.ErrNotExist.
	Get(ctx context.Context, name string) ([]byte, error)
	// Destroy returns once the bytes cannot be read again; absent ones are.
	Destroy(ctx context.Context, name string) error
	// Names lists the names under a folder, none where it is absent.
	Names(ctx context.Context, under string) ([]string, error)
}

// A Service is one organisation's. Its fields are set before first use.
type Service struct {
	Org     ledger.PartyID
	Network ledger.NetworkID
	Ledger  Ledger
	Store   Store
	Log     *slog.Logger // nil discards

	// MaxBackups is how many backups are kept at most; 0 means 100,000.
	MaxBackups int

	mu   sync.Mutex // orders changes of the store
	seen map[ledger.CommandID]ledger.Time
	ends map[string]ledger.Time // of parts, by name; nil before the first sweep
}

const (
	defaultBackups = 100_000
	maxSeen        = 1 << 16
)

// Do checks a request and does what it asks; takes return the bytes asked for.
// Every refusal is a notice that says what is missing and how to ask for it.
func (s *Service) Do(ctx context.Context, q Request) ([]byte, error) {
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	c := q.Command
	switch {
	case c.Network != s.Network:
		return nil, notice.New(notice.Invalid, "the request is for another network", "check --node and the network your keys belong to")
	case c.NotAfter < now:
		return nil, notice.New(notice.Expired, "the request is out of date", "send it again; check this device's clock")
	case c.NotAfter > now+MaxValidity:
		return nil, notice.New(notice.Invalid, fmt.Sprintf("the request is valid for more than %d seconds", MaxValidity), "check this device's clock")
	case len(q.Attached) > 0 && c.Name != (PutBackup{}).Command():
		return nil, errRequest(errors.New("bytes attached to what takes none"))
	}
	switch c.Name {
	case "wrap.put":
		return party(ctx, s, c, s.putWrap, PutWrap.service)
	case "wrap.take":
		return party(ctx, s, c, s.takeWrap, TakeWrap.service)
	case "wrap.drop":
		return party(ctx, s, c, s.dropWrap, DropWrap.service)
	case "part.put":
		return party(ctx, s, c, s.putPart, PutPart.service)
	case "part.take":
		return party(ctx, s, c, s.takePart, TakePart.service)
	case "share.put":
		return party(ctx, s, c, s.putShare, PutShare.service)
	case "share.take":
		return party(ctx, s, c, s.takeShare, TakeShare.service)
	case "share.drop":
		return party(ctx, s, c, s.dropShare, DropShare.service)
	case "backup.put":
		return kit(ctx, s, c, func(ctx context.Context, c ledger.Command, b PutBackup) ([]byte, error) {
			return s.putBackup(ctx, c, b, q.Attached)
		}, PutBackup.signer)
	case "backup.take":
		return kit(ctx, s, c, s.takeBackup, TakeBackup.signer)
	case "backup.drop":
		return kit(ctx, s, c, s.dropBackup, DropBackup.signer)
	}
	return nil, notice.New(notice.Unsupported, "a release service does not know that request", "check the version of this program: `manx --version`")
}

func (b PutWrap) service() ledger.PartyID  { return b.Service }
func (b TakeWrap) service() ledger.PartyID { return b.Service }
func (b DropWrap) service() ledger.PartyID { return b.Service }
func (b PutPart) service() ledger.PartyID  { return b.Service }
func (b TakePart) service() ledger.PartyID { return b.Service }

func (b PutBackup) signer() (ledger.PartyID, ed25519.PublicKey)  { return b.Service, b.Key }
func (b TakeBackup) signer() (ledger.PartyID, ed25519.PublicKey) { return b.Service, b.Key }
func (b DropBackup) signer() (ledger.PartyID, ed25519.PublicKey) { return b.Service, b.Key }

// handler does what one kind of request asks.
type handler[B ledger.Body] func(ctx context.Context, c ledger.Command, b B) ([]byte, error)

// party runs a request that a party on the ledger signed.
func party[B ledger.Body](ctx context.Context, s *Service, c ledger.Command, do handler[B], service func(B) ledger.PartyID) ([]byte, error) {
	b, err := body[B](c)
	if err != nil {
		return nil, err
	}
	if service(b) != s.Org {
		return nil, errAudience()
	}
	var author ledger.Party
	if err := s.read(ctx, ledger.KeyOf(c.Author), &author); errors.Is(err, fs.ErrNotExist) {
		return nil, notice.Because(err, notice.Denied, "the ledger does not know who asks", "register first: `manx keys new`")
	} else if err != nil {
		return nil, err
	}
	if author.ID != c.Author || !c.SignedBy(author.Key) {
		return nil, errSignature()
	}
	return do(ctx, c, b)
}

// kit runs a request that a recovery kit's store key signed.
func kit[B ledger.Body](ctx context.Context, s *Service, c ledger.Command, do handler[B], of func(B) (ledger.PartyID, ed25519.PublicKey)) ([]byte, error) {
	b, err := body[B](c)
	if err != nil {
		return nil, err
	}
	service, key := of(b)
	if service != s.Org {
		return nil, errAudience()
	}
	if c.Author != BackupAuthor(key) || !c.SignedBy(key) {
		return nil, errSignature()
	}
	return do(ctx, c, b)
}

func body[B ledger.Body](c ledger.Command) (b B, err error) {
	if len(c.Body) > ledger.MaxBody {
		return b, errRequest(errors.New("body too long"))
	}
	if err := ledger.Decode(c.Body, &b); err != nil {
		return b, errRequest(err)
	}
	if err := b.Check(); err != nil {
		return b, notice.Because(err, notice.Invalid, "the request is not well formed: "+err.Error(), "check the version of this program: `manx --version`")
	}
	return b, nil
}

func (s *Service) putWrap(ctx context.Context, c ledger.Command, b PutWrap) ([]byte, error) {
	r, err := s.record(ctx, b.Record)
	if err != nil {
		return nil, err
	}
	if r.Owner != c.Author {
		return nil, errNotOwner()
	}
	if _, n := r.Latest(); b.Version > n {
		return nil, errVersion()
	}
	return nil, s.once(c, func() error { return s.Store.Put(ctx, wrapName(b.Record, b.Version), b.Wrap) })
}

func (s *Service) takeWrap(ctx context.Context, c ledger.Command, b TakeWrap) ([]byte, error) {
	r, err := s.record(ctx, b.Record)
	if err != nil {
		return nil, err
	}
	if r.Owner != c.Author {
		return nil, errNotOwner()
	}
	w, err := s.Store.Get(ctx, wrapName(b.Record, b.Version))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notice.Because(err, notice.NotFound, "this organisation keeps no wrap of that version of the record", "ask the other organisations, or restore the key with `manx keys recover`")
	}
	return w, err
}

func (s *Service) dropWrap(ctx context.Context, c ledger.Command, b DropWrap) ([]byte, error) {
	var r ledger.Record
	if err := s.read(ctx, ledger.KeyOf(b.Record), &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if r.Owner != c.Author {
		return nil, errNotOwner()
	}
	return nil, s.once(c, func() error { return s.destroyUnder(ctx, "wrap/"+string(b.Record)) })
}

func (s *Service) putPart(ctx context.Context, c ledger.Command, b PutPart) ([]byte, error) {
	g, err := s.live(ctx, b.Grant, ledger.Read, b.Version)
	if err != nil {
		return nil, err
	}
	if g.Owner != c.Author {
		return nil, errNotOwner()
	}
	return nil, s.once(c, func() error {
		if b.Part > 0 {
			other := partName(g.Record, b.Grant, b.Version, 3-b.Part)
			if _, err := s.Store.Get(ctx, other); err == nil {
				return notice.New(notice.Conflict, "this organisation holds the other organisation's part of the key", "give each organisation one part: `manx grant add`")
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		name := partName(g.Record, b.Grant, b.Version, b.Part)
		if err := s.Store.Put(ctx, name, b.Sealed); err != nil {
			return err
		}
		if s.ends != nil {
			s.ends[name] = g.Until
		}
		// The grant may have ended since it was read, and its event been seen
		// before the part was there.
		if _, err := s.live(ctx, b.Grant, ledger.Read, b.Version); err != nil {
			return errors.Join(err, s.Store.Destroy(ctx, name))
		}
		return nil
	})
}

func (s *Service) takePart(ctx context.Context, c ledger.Command, b TakePart) ([]byte, error) {
	g, err := s.live(ctx, b.Grant, ledger.Read, b.Version)
	if err != nil {
		return nil, err
	}
	if g.To != c.Author {
		return nil, notice.New(notice.Denied, "the grant is not yours", "`manx grant list` shows yours; ask the record's owner for one")
	}
	p, err := s.Store.Get(ctx, partName(g.Record, b.Grant, b.Version, b.Part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notice.Because(err, notice.Denied, "the grant is live, but its owner has not yet given this organisation that part of the key",
			"ask the record's owner to run `manx grant add` again")
	}
	return p, err
}

// live returns a grant that permits an access now.
func (s *Service) live(ctx context.Context, id ledger.GrantID, access ledger.Access, version int) (g ledger.Grant, err error) {
	if err := s.read(ctx, ledger.KeyOf(id), &g); errors.Is(err, fs.ErrNotExist) {
		return g, notice.Because(err, notice.Denied, "there is no such grant", "`manx grant list` shows yours; ask the record's owner for one")
	} else if err != nil {
		return g, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return g, err
	}
	switch {
	case g.Access != access && access == ledger.Read:
		return g, notice.New(notice.Denied, "the grant is to compute on the record, not to read it", "ask the record's owner for a grant to read: `manx grant add`")
	case g.Access != access:
		return g, notice.New(notice.Denied, "the grant is to read the record, not to compute on it", "permit that: `manx credit share`")
	case g.Revoked != 0:
		return g, notice.New(notice.Denied, "the grant was revoked by the record's owner", "ask the owner for a new one: `manx grant add`")
	case !g.Live(now):
		return g, notice.New(notice.Denied, "the grant has expired", "ask the record's owner for a new one: `manx grant add`")
	}
	r, err := s.record(ctx, g.Record)
	if err != nil {
		return g, err
	}
	if _, n := r.Latest(); version > n {
		return g, errVersion()
	}
	return g, nil
}

// record returns a record that is not erased.
func (s *Service) record(ctx context.Context, id ledger.RecordID) (r ledger.Record, err error) {
	if err := s.read(ctx, ledger.KeyOf(id), &r); errors.Is(err, fs.ErrNotExist) {
		return r, notice.Because(err, notice.NotFound, "there is no such record", "`manx study list` shows yours")
	} else if err != nil {
		return r, err
	}
	if r.Erased {
		return r, notice.New(notice.Denied, "the record was erased by its owner", "nothing brings it back")
	}
	return r, nil
}

func (s *Service) now(ctx context.Context) (ledger.Time, error) {
	var c ledger.Clock
	if err := s.read(ctx, ledger.NowKey, &c); errors.Is(err, fs.ErrNotExist) {
		return 0, notice.Because(err, notice.Unavailable, "the network has no time yet", "try again in a moment")
	} else if err != nil {
		return 0, err
	}
	return c.Now, nil
}

func (s *Service) read(ctx context.Context, k ledger.Key, v any) error {
	b, err := s.Ledger.Read(ctx, k)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return notice.Because(err, notice.Unavailable, "the organisation cannot see the ledger now", "try again in a moment")
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	return nil
}

// once runs a change unless the same command made it already, so that a replay
// after a later change does not undo that.
func (s *Service) once(c ledger.Command, change func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.seen[c.ID]; again {
		return nil
	}
	if len(s.seen) >= maxSeen {
		return notice.New(notice.Exhausted, "this organisation is given too many changes at a time", "try again in half an hour")
	}
	if err := change(); err != nil {
		return err
	}
	if s.seen == nil {
		s.seen = map[ledger.CommandID]ledger.Time{}
	}
	s.seen[c.ID] = c.NotAfter
	return nil
}

func (s *Service) destroyUnder(ctx context.Context, folder string) error {
	names, err := s.Store.Names(ctx, folder)
	for _, n := range names {
		err = errors.Join(err, s.Store.Destroy(ctx, n))
		delete(s.ends, n)
	}
	return err
}

func wrapName(r ledger.RecordID, version int) string {
	return "wrap/" + string(r) + "/" + strconv.Itoa(version)
}

func partName(r ledger.RecordID, g ledger.GrantID, version, part int) string {
	return fmt.Sprintf("part/%s/%s/%d.%d", r, g, version, part)
}

// A backup is kept with its sequence number before it.
func (s *Service) putBackup(ctx context.Context, c ledger.Command, b PutBackup, blob []byte) ([]byte, error) {
	if len(blob) == 0 || len(blob) > MaxBackup {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("a backup has 1 to %d bytes", MaxBackup), "make it again: `manx keys backup`")
	}
	if sha256.Sum256(blob) != b.Digest {
		return nil, notice.New(notice.Integrity, "the backup was altered on its way", "send it again: `manx keys backup`")
	}
	name := "backup/" + locator(b.Key)
	return nil, s.once(c, func() error {
		old, err := s.Store.Get(ctx, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			names, err := s.Store.Names(ctx, "backup")
			if err != nil {
				return err
			}
			most := s.MaxBackups
			if most == 0 {
				most = defaultBackups
			}
			if len(names) >= most {
				return notice.New(notice.Exhausted, "this organisation keeps no more backups", "choose another organisation")
			}
		case err != nil:
			return err
		case len(old) < 8 || binary.BigEndian.Uint64(old) >= b.Sequence:
			return notice.New(notice.Conflict, "a newer backup is kept already", "make it again: `manx keys backup`")
		}
		return s.Store.Put(ctx, name, append(binary.BigEndian.AppendUint64(nil, b.Sequence), blob...))
	})
}

func (s *Service) takeBackup(ctx context.Context, _ ledger.Command, b TakeBackup) ([]byte, error) {
	kept, err := s.Store.Get(ctx, "backup/"+locator(b.Key))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(kept) < 8 {
		return nil, notice.Because(err, notice.NotFound, "this organisation keeps no backup of that recovery kit", "ask the other organisations; check the phrase or shares")
	}
	if err != nil {
		return nil, err
	}
	return kept[8:], nil
}

func (s *Service) dropBackup(ctx context.Context, c ledger.Command, b DropBackup) ([]byte, error) {
	return nil, s.once(c, func() error { return s.Store.Destroy(ctx, "backup/"+locator(b.Key)) })
}

func errRequest(cause error) error {
	return notice.Because(cause, notice.Invalid, "not a well-formed request to a release service", "check the version of this program: `manx --version`")
}

func errAudience() error {
	return notice.New(notice.Denied, "the request is for another organisation", "check the address of the node")
}

func errSignature() error {
	return notice.New(notice.Denied, "the request is not signed by who it says it is from", "check that your keys are the newest: `manx keys show`")
}

func errNotOwner() error {
	return notice.New(notice.Denied, "the record is not yours", "`manx study list` shows yours; to read another's, ask its owner for a grant")
}

func errVersion() error {
	return notice.New(notice.NotFound, "the record has no such version", "`manx study show` lists its versions")
}
