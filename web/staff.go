package web

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/index"
	"manx/web/oidc"
)

// signInLife is how long a sign-in of staff may take, in seconds.
const signInLife = ledger.Time(600)

var errNoStaff = notice.New(notice.NotFound, "that organisation's staff does not sign in here", "`manx staff set` says how it does")

// staffOf returns how a party's staff signs in, or a notice.
func (s *server) staffOf(c *gin.Context, p ledger.PartyID) (b api.SetStaff, err error) {
	kept, _, err := s.Index.Staff(c, p)
	if err != nil {
		return b, err
	}
	if kept == nil {
		return b, errNoStaff
	}
	cmd, err := ledger.ReadCommand(bytes.NewReader(kept))
	if err == nil {
		err = ledger.Decode(cmd.Body, &b)
	}
	if err == nil && b.Issuer == "" {
		err = errNoStaff
	}
	return b, err
}

func (s *server) staff(c *gin.Context) {
	b, err := s.staffOf(c, caller(c))
	if err != nil {
		s.fail(c, err)
		return
	}
	s.json(c, b)
}

// setStaff keeps an organisation's word on how its staff signs in.
func (s *server) setStaff(c *gin.Context) {
	cmd, ok := s.command(c)
	if !ok {
		return
	}
	b, err := s.settle(c, cmd)
	if err != nil {
		s.fail(c, err)
		return
	}
	if want := c.GetHeader("If-Match"); want != "" {
		now, err := s.staffOf(c, cmd.Author)
		if err != nil && !errors.Is(err, errNoStaff) {
			s.fail(c, err)
			return
		}
		held, _ := json.Marshal(now) // what was decoded
		if err != nil || !names(want, tagOf(held)) {
			s.failWith(c, http.StatusPreconditionFailed, notice.New(notice.Conflict, "something else is said of the staff's sign-in by now", "look at it again: `manx staff show`"))
			return
		}
	}
	if kept, _, err := s.Index.Staff(c, cmd.Author); err != nil {
		s.fail(c, err)
		return
	} else if again, err := ledger.ReadCommand(bytes.NewReader(kept)); err == nil && again.ID == cmd.ID && bytes.Equal(again.Sig, cmd.Sig) {
		s.json(c, b) // its answer was lost
		return
	}
	if err := s.recognise(c, cmd, b); err != nil {
		s.fail(c, err)
		return
	}
	raw, err := json.Marshal(cmd)
	if err != nil {
		s.fail(c, err)
		return
	}
	set, err := s.Index.SetStaff(c, cmd.Author, raw, cmd.NotAfter)
	if err == nil && !set {
		err = notice.New(notice.Conflict, "a later command says how this staff signs in", "sign it again")
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.json(c, b)
}

// settle reads the body of such a command and holds it against what this node allows.
func (s *server) settle(c *gin.Context, cmd ledger.Command) (b api.SetStaff, err error) {
	if err := ledger.Decode(cmd.Body, &b); err != nil {
		return b, notice.Because(err, notice.Invalid, "the command does not say how staff signs in", "use `manx staff set`")
	}
	if err := b.Check(); err != nil {
		return b, notice.Because(err, notice.Invalid, err.Error(), "`manx staff set --help` shows how it is said")
	}
	p, err := s.party(c, cmd.Author)
	if err != nil {
		return b, errUnknown
	}
	switch p.Role {
	case ledger.Hospital, ledger.Lender, ledger.Furnisher, ledger.Scientist, ledger.Auditor, ledger.Governor:
	default:
		return b, notice.New(notice.Denied, "only an organisation has staff that signs in", "a person signs in with her own key")
	}
	if b.Issuer != "" && !s.Staff.Allowed(b.Issuer) {
		return b, notice.New(notice.Denied, "this node's operator has not named that issuer", "ask for `manx up --staff-issuer`")
	}
	return b, nil
}

// pending is what a sign-in needs when it comes back.
type pending struct {
	oidc.SignIn
	Party ledger.PartyID `json:"party"`
	Keep  string         `json:"keep"` // a digest of it
}

func (s *server) beginStaff(c *gin.Context) {
	if !s.charge(c, s.bySignIn, addressOf(c.Request)) {
		return
	}
	party := ledger.PartyID(c.Param("party"))
	b, err := s.staffOf(c, party)
	if err == nil && s.Staff == nil {
		err = errNoStaff
	}
	var now ledger.Time
	if err == nil {
		now, err = s.now(c)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	keep := draw()
	p := pending{oidc.SignIn{Issuer: b.Issuer, ClientID: b.ClientID, Redirect: b.Redirect, Scopes: b.Scopes, State: draw(), Nonce: draw(), Verifier: draw()}, party, digest(keep)}
	address, err := s.Staff.URL(c, p.SignIn)
	if err != nil {
		s.fail(c, err)
		return
	}
	raw, err := json.Marshal(p)
	if err == nil {
		err = s.Index.KeepSignIn(c, digest(p.State), raw, now+signInLife, now)
	}
	if errors.Is(err, index.ErrMany) {
		err = notice.Because(err, notice.Exhausted, "too many sign-ins are under way", "try again in ten minutes")
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusCreated, api.StaffSignIn{URL: address, State: p.State, Keep: keep, Expires: now + signInLife})
}

// endStaff trades what came back for a session. A sign-in is traded once, whatever comes
// of it, and only by the tab that began it.
func (s *server) endStaff(c *gin.Context) {
	var b api.StaffCode
	raw, err := readBody(c, 8<<10)
	if err == nil {
		if derr := ledger.Decode(raw, &b); derr != nil || b.State == "" || b.Keep == "" || b.Code == "" {
			err = notice.Because(derr, notice.Invalid, "a sign-in ends with state, keep and code", "begin the sign-in again")
		}
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	now, err := s.now(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	who, err := s.traded(c, b, now)
	if err != nil {
		s.fail(c, err)
		return
	}
	s.opened(c, who)
}

var errSignIn = notice.New(notice.Denied, "this sign-in is unknown, was ended, or took too long", "begin it again")

func (s *server) traded(c *gin.Context, b api.StaffCode, now ledger.Time) (who index.Who, err error) {
	name := digest(b.State)
	kept, err := s.Index.SignIn(c, name, now)
	if err != nil {
		return who, err
	}
	var p pending
	if kept == nil || json.Unmarshal(kept, &p) != nil || subtle.ConstantTimeCompare([]byte(p.Keep), []byte(digest(b.Keep))) != 1 {
		return who, errSignIn
	}
	first, err := s.Index.Take(c, "sign-in "+name, now+signInLife, now)
	if err == nil && !first {
		err = errSignIn
	}
	if err != nil {
		return who, err
	}
	said, err := s.staffOf(c, p.Party)
	if err != nil {
		return who, err
	}
	if said.Issuer != p.Issuer || said.ClientID != p.ClientID || s.Staff == nil {
		return who, errSignIn
	}
	m, err := s.Staff.Trade(c, p.SignIn, b.Code, b.Iss, said.Claim)
	if err != nil {
		return who, err
	}
	roles := said.Of(m.Groups)
	if len(roles) == 0 {
		return who, notice.New(notice.Denied, "your organisation gives none of your groups a role here", "ask who runs its account: `manx staff set`")
	}
	who = index.Who{Party: p.Party, Member: m.Digest}
	for _, r := range slices.Compact(roles) {
		who.Roles = append(who.Roles, string(r))
	}
	return who, nil
}

func draw() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

func digest(s string) string {
	h := sha256.Sum256([]byte("manx/sign-in/v1\x00" + s))
	return hex.EncodeToString(h[:])
}
