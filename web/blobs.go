package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/web/index"
)

// store returns the storage node and the blob an address names.
func (s *server) store(c *gin.Context) (n int, to storage.Blobs, ref storage.Ref, ok bool) {
	n, err := strconv.Atoi(c.Param("node"))
	if err != nil || n < 0 || n >= len(s.Stores) {
		s.fail(c, notice.New(notice.NotFound, "there is no such storage node", "`manx audit` lists them"))
		return 0, nil, ref, false
	}
	ref, err = storage.ParseRef(c.Param("cid"))
	if err != nil {
		s.fail(c, notice.Because(err, notice.Invalid, "that is not the CID of a blob", "CIDs are version 1, raw, sha2-256, base32"))
		return 0, nil, ref, false
	}
	return n, s.Stores[n], ref, true
}

func (s *server) putBlob(c *gin.Context) {
	n, to, ref, ok := s.store(c)
	if !ok {
		return
	}
	b, err := readBody(c, storage.MaxBlob)
	if err != nil {
		s.fail(c, err)
		return
	}
	if storage.RefOf(b) != ref {
		s.fail(c, notice.New(notice.Integrity, "the blob's bytes do not have the digest in its address", "send it again"))
		return
	}
	done, err := s.Index.Alone(c, n, ref.String())
	if err != nil {
		s.fail(c, err)
		return
	}
	defer done()
	if again, err := s.Index.Uploads(c, n, ref.String(), caller(c)); err != nil {
		s.fail(c, err)
		return
	} else if !again { // what is sent again counts once
		if err := s.reserve(c, int64(len(b))); err != nil {
			s.fail(c, err)
			return
		}
	}
	if err := s.Index.Uploaded(c, n, ref.String(), caller(c), len(b)); err != nil {
		s.fail(c, err)
		return
	}
	if err := makeRoom(c, to, ref); err != nil {
		s.fail(c, notice.Because(err, notice.Unavailable, "storage node "+strconv.Itoa(n)+" does not answer", "try again; what was stored is not sent twice"))
		return
	}
	if _, err := to.Put(c, b); err != nil {
		s.fail(c, notice.Because(err, notice.Unavailable, "storage node "+strconv.Itoa(n)+" did not keep the blob", "try again; what was stored is not sent twice"))
		return
	}
	c.Status(http.StatusCreated)
}

// makeRoom removes a damaged copy of a blob whose bytes are at hand: a store that
// trusts its index would keep it. So anybody who can rebuild a shard repairs it.
func makeRoom(ctx context.Context, to storage.Blobs, ref storage.Ref) error {
	held, err := to.Has(ctx, ref)
	if err != nil || !held {
		return err
	}
	if _, err = to.Get(ctx, ref); errors.Is(err, storage.ErrCorrupt) {
		return to.Delete(ctx, ref)
	}
	return nil
}

// reserve counts bytes against the caller's quota.
func (s *server) reserve(c *gin.Context, n int64) error {
	p := caller(c)
	s.mu.Lock()
	used, known := s.used[p]
	s.mu.Unlock()
	if !known {
		var err error
		if used, err = s.Index.Stored(c, p); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if held, ok := s.used[p]; ok {
		used = held
	}
	if used+n > s.Quota {
		return notice.New(notice.Exhausted, "this party's storage quota is used up", "erase a record with `manx study erase`, or ask the operator for more")
	}
	s.used[p] = used + n
	return nil
}

func (s *server) hasBlob(c *gin.Context) {
	_, from, ref, ok := s.store(c)
	if !ok {
		return
	}
	switch held, err := from.Has(c, ref); {
	case err != nil:
		s.fail(c, notice.Because(err, notice.Unavailable, "the storage node does not answer", "try again"))
	case !held:
		c.Status(http.StatusNotFound)
	default:
		c.Header("ETag", `"`+ref.String()+`"`)
		c.Status(http.StatusOK)
	}
}

func (s *server) getBlob(c *gin.Context) {
	_, from, ref, ok := s.store(c)
	if !ok {
		return
	}
	off, n, err := rangeOf(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	var b []byte
	if n < 0 {
		b, err = from.Get(c, ref)
	} else { // what a storage node claims, for who can check it by other means
		b, err = storage.GetRange(c, from, ref, off, n)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.fail(c, notice.New(notice.NotFound, "this storage node does not hold that blob", "the other nodes may: open the record as a whole"))
	case errors.Is(err, storage.ErrCorrupt):
		s.fail(c, notice.New(notice.Integrity, "this storage node's copy of that blob is damaged", "open the record as a whole: it is rebuilt from the other nodes"))
	case err != nil:
		s.fail(c, notice.Because(err, notice.Unavailable, "the storage node does not answer", "try again"))
	default:
		tag := `"` + ref.String() + `"`
		if n >= 0 { // of a range, which nobody has checked
			tag = tagOf(b)
		}
		if s.has(c, tag) {
			return
		}
		c.DataFromReader(http.StatusOK, int64(len(b)), "application/vnd.ipld.raw", bytes.NewReader(b), nil)
	}
}

// rangeOf reads which bytes of a blob are asked for; n is -1 for all of it.
func rangeOf(c *gin.Context) (off, n int, err error) {
	from, length := c.Query("offset"), c.Query("length")
	if from == "" && length == "" {
		return 0, -1, nil
	}
	off, err = strconv.Atoi(from)
	n, err2 := strconv.Atoi(length)
	if err = errors.Join(err, err2); err != nil || off < 0 || n < 0 || n > storage.MaxBlob || off > storage.MaxBlob-n {
		return 0, 0, notice.Because(err, notice.Invalid, "that is no range of a blob", "give offset and length in bytes, both, within 1 MiB")
	}
	return off, n, nil
}

func (s *server) deleteBlob(c *gin.Context) {
	n, from, ref, ok := s.store(c)
	if !ok {
		return
	}
	mine, err := s.Index.Remove(c, n, from, ref, caller(c))
	if err == nil && !mine {
		var held bool
		if held, err = from.Has(c, ref); err != nil {
			err = fmt.Errorf("%w: %w", index.ErrStore, err)
		} else if held {
			err = notice.New(notice.Denied, "only the party that stored a blob can delete it", "")
		}
	}
	if mine {
		s.forget(caller(c))
	}
	switch {
	case errors.Is(err, index.ErrStore):
		s.fail(c, notice.Because(err, notice.Unavailable, "storage node "+strconv.Itoa(n)+" does not answer", "try again; what was deleted stays so"))
	case err != nil:
		s.fail(c, err)
	default:
		c.Status(http.StatusNoContent)
	}
}

// forget drops the cached count of what a party stores; the next upload reads it
// again.
func (s *server) forget(p ledger.PartyID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.used, p)
}
