package web

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/index"
)

// openSession trades a command signed by a party's current key for a token. A
// command opens one session only, at whichever node of one database.
func (s *server) openSession(c *gin.Context) {
	cmd, ok := s.command(c)
	if !ok {
		return
	}
	if err := s.recognise(c, cmd, api.OpenSession{}); err != nil {
		s.fail(c, err)
		return
	}
	s.opened(c, index.Who{Party: cmd.Author})
}

var errUnknown = notice.New(notice.Denied, "this party could not be recognised by its signature", "register it with `manx keys new`, or recover it with `manx keys recover`")

// recognise holds a command that never reaches the ledger against the key of its
// author: it is of one name, signed by the current key, of now, and used once.
func (s *server) recognise(c *gin.Context, cmd ledger.Command, body ledger.Body) error {
	now, err := s.now(c)
	if err != nil {
		return err
	}
	party, err := s.party(c, cmd.Author)
	if err != nil || cmd.Name != body.Command() || cmd.NotAfter < now || cmd.NotAfter > now+api.MaxSignIn || !cmd.SignedBy(party.Key) {
		return errUnknown
	}
	first, err := s.Index.Take(c, "command "+hex.EncodeToString(cmd.ID[:]), cmd.NotAfter, now)
	if err == nil && !first {
		err = errUnknown
	}
	return err
}

// opened answers with a new session.
func (s *server) opened(c *gin.Context, who index.Who) {
	token, in, err := s.Index.OpenSession(c, who, time.Now())
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, api.Session{Token: token, ID: in.ID, Expires: ledger.Time(in.Expires.Unix()), Idle: int(index.SessionIdle / time.Second), Roles: rolesOf(in)})
}

func rolesOf(s index.Session) (roles []api.StaffRole) {
	for _, r := range s.Roles {
		roles = append(roles, api.StaffRole(r))
	}
	return roles
}

func (s *server) party(ctx context.Context, id ledger.PartyID) (p ledger.Party, err error) {
	if err := ledger.CheckID(id, "p"); err != nil {
		return p, err
	}
	if o, ok := s.Genesis.Organisation(id); ok {
		return ledger.Party{ID: o.ID, Role: ledger.Governor, Name: o.Name, Key: o.Key, Sealing: o.Sealing}, nil
	}
	b, err := s.Ledger.Read(ctx, ledger.KeyOf(id))
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(b, &p)
}

// session requires a bearer token, and of a member of staff a role that may come here.
// Who has a session is charged for it; who shows none that holds, by address.
func (s *server) session(c *gin.Context) {
	token, ok := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
	if !ok {
		if s.address(c); !c.IsAborted() {
			s.noSession(c, notice.New(notice.Denied, "this address needs a session", "sign in first: any `manx` command does it"))
		}
		return
	}
	in, err := s.Index.Session(c, token, time.Now())
	if notice.Is(err, notice.Denied) {
		if s.address(c); !c.IsAborted() {
			s.noSession(c, err)
		}
		return
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	if !s.charge(c, s.bySession, in.ID) {
		return
	}
	if in.Member != "" && !slices.ContainsFunc(staffReads[c.Request.Method+" "+c.FullPath()], func(r api.StaffRole) bool { return slices.Contains(in.Roles, string(r)) }) {
		s.fail(c, notice.New(notice.Denied, "your role among the organisation's staff does not reach this", "ask for another, or use the account's own key"))
		return
	}
	c.Set(sessionKey, in)
}

func (s *server) noSession(c *gin.Context, err error) {
	c.Header("WWW-Authenticate", "Bearer")
	s.failWith(c, http.StatusUnauthorized, err)
}

func sessionOf(c *gin.Context) index.Session {
	in, _ := c.MustGet(sessionKey).(index.Session)
	return in
}

func caller(c *gin.Context) ledger.PartyID { return sessionOf(c).Party }

// staffReads says which roles of staff come to which addresses; to all others, none.
var staffReads = map[string][]api.StaffRole{ //nolint:gochecknoglobals // a constant table
	"GET " + api.Workers:                      {api.Operations, api.Auditor},
	"GET " + api.Sessions:                     {api.Auditor, api.Accounts, api.Operations},
	"DELETE " + api.Sessions + "/:session":    {api.Auditor, api.Accounts, api.Operations},
	"GET " + api.State:                        {api.Auditor, api.Operations},
	"GET " + api.Events:                       {api.Auditor, api.Operations},
	"GET " + api.Log:                          {api.Auditor},
	"GET " + api.Log + "/:height/:n":          {api.Auditor},
	"GET " + api.Receipts + "/:job":           {api.Auditor, api.Operations, api.Accounts},
	"GET " + api.Jobs + "/:job":               {api.Auditor, api.Operations},
	"GET " + api.Jobs + "/:job/events":        {api.Auditor, api.Operations},
	"GET " + api.Mine + "/:word":              {api.Auditor, api.Operations, api.Accounts},
	"GET " + api.Models:                       {api.Auditor, api.Operations, api.Accounts},
	"GET " + api.Mints:                        {api.Auditor, api.Accounts},
	"GET " + api.Movements:                    {api.Accounts},
	"GET " + api.Uses:                         {api.Auditor, api.Accounts},
	"GET " + api.Watch:                        {api.Auditor},
	"HEAD " + api.Nodes + "/:node/blobs/:cid": {api.Operations},
	"GET " + api.Nodes + "/:node/blobs/:cid":  {api.Operations},
}

// mayList reports whether a session reads the caller's list of a word: of staff, money
// is for accounts, and all else for the other roles.
func mayList(in index.Session, word string) bool {
	if in.Member == "" {
		return true
	}
	if word == "coin" || word == "escrow" {
		return slices.Contains(in.Roles, string(api.Accounts))
	}
	return slices.Contains(in.Roles, string(api.Auditor)) || slices.Contains(in.Roles, string(api.Operations))
}

func (s *server) sessions(c *gin.Context) {
	in := sessionOf(c)
	all, err := s.Index.Sessions(c, in.Who, time.Now())
	if err != nil {
		s.fail(c, err)
		return
	}
	out := api.SessionList{Items: make([]api.Opened, len(all))}
	for i, o := range all {
		out.Items[i] = api.Opened{ID: o.ID, Opened: ledger.Time(o.Opened.Unix()), Seen: ledger.Time(o.Seen.Unix()), Expires: ledger.Time(o.Expires.Unix()),
			IdleEnds: ledger.Time(o.Until().Unix()), Current: o.ID == in.ID, Roles: rolesOf(o)}
	}
	c.JSON(http.StatusOK, out)
}

var sessionID = regexp.MustCompile(`^[0-9a-f]{16}$`)

func (s *server) endSession(c *gin.Context) {
	in, id := sessionOf(c), c.Param("session")
	if id == "current" {
		id = in.ID
	}
	if !sessionID.MatchString(id) {
		s.fail(c, notice.New(notice.Invalid, "that is not the id of a session", "`manx session list` shows yours"))
		return
	}
	if err := s.Index.EndSession(c, in.Who, id); err != nil {
		s.fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// alive reports whether the session of a stream goes on.
func (s *server) alive(c *gin.Context) bool {
	token, _ := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
	_, err := s.Index.Session(c, token, time.Now())
	return err == nil || !notice.Is(err, notice.Denied)
}
