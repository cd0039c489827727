package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"manx/storage"
)

// SumID names a Sum: health-sum-….
type SumID string

// NewSumID names what the command `by` makes.
func NewSumID(v Vertical, by CommandID) SumID { return SumID(made(v, "sum", by)) }

// A SumColumn is one thing that is summed over persons.
type SumColumn struct {
	Name string `json:"name"`
	Most int    `json:"most"` // the largest value one person adds; 1 counts persons
}

// A Sum is an agreement of several hospitals, or several lenders, to learn totals
// over all their persons. Each deals its own numbers among three organisations,
// which add on shares and tell no number that too few persons stand behind. The
// ledger holds who takes part, digests, and where sealed shares are; no number.
type Sum struct {
	ID       SumID   `json:"id"`
	Proposer PartyID `json:"proposer"`
	Terms    Hash    `json:"terms"` // of the command that proposed it
	ProposeSum
	Holders [Sharers]PartyID `json:"holders"` // who sat for Organisations when it was proposed
	Stage   SumStage         `json:"stage"`
	Joined  []SumInput       `json:"joined,omitempty"`
	Left    []PartyID        `json:"left,omitempty"` // who said that they take no part
	Try     int              `json:"try,omitempty"`  // counts the sessions that were begun
	Shares  []PostedShare    `json:"shares,omitempty"`
	Reason  SumEnd           `json:"reason,omitempty"` // why it ended without a result
	Site    PartyID          `json:"site,omitempty"`   // whose share could not be used
}

// A SumInput is what one site has joined with: hiding digests of the components
// of its numbers, and its three shares, each sealed to the holder at that place.
type SumInput struct {
	Site      PartyID              `json:"site"`
	Digests   [Sharers]Hash        `json:"digests"`
	Shares    [Sharers]storage.Ref `json:"shares"`
	Withdrawn bool                 `json:"withdrawn,omitempty"` // the site has left; it counts no more
}

// A SumStage is how far a Sum has come.
type SumStage string

// The stages.
const (
	SumOpen      SumStage = "open"      // sites join
	SumComputing SumStage = "computing" // nobody joins or leaves any more
	SumDone      SumStage = "done"      // the sites that joined can read the result
	SumEnded     SumStage = "ended"     // without a result
)

// Over reports whether nothing more can happen.
func (s SumStage) Over() bool { return s == SumDone || s == SumEnded }

// A SumEnd is why a sum ended without a result.
type SumEnd string

// The ends.
const (
	SumWithdrawn SumEnd = "withdrawn"      // by who proposed it
	SumTooFew    SumEnd = "too-few-sites"  // joined
	SumTooClose  SumEnd = "too-close"      // to earlier sums: with them it would tell of one or two sites (SumTells)
	SumUnusable  SumEnd = "unusable-share" // a site's, as a holder says
	SumDiffers   SumEnd = "shares-differ"  // the organisations' shares of the result
	SumLate      SumEnd = "not-computed"   // in time, or in as many tries as there are
)

// Bounds of sums.
const (
	MinCohort     = MinOverlap // the smallest Minimum
	MinSumSites   = 3          // with fewer, a site would know the other's numbers by its own
	MaxSumSites   = 16
	MaxSumColumns = 16
	MaxSumGroups  = 32
	MaxSumMost    = 1 << 20              // of a column
	MaxSum        = Time(30 * 24 * 3600) // seconds from the proposal to the end of joining
	SumGrace      = Time(24 * 3600)      // seconds after that in which it is computed
	SumsOfASite   = 12                   // that a site may join in SumsWithin
	SumsWithin    = OverlapsWithin
	maxSumWord    = 40  // bytes of a name
	maxSumTitle   = 120 // bytes
	maxSumMinimum = maxOverlapNumber
)

// Due is when a sum that has no result yet gets none.
func (s Sum) Due() Time { return s.Until + SumGrace }

// Input returns what a site takes part with.
func (s Sum) Input(site PartyID) (SumInput, bool) {
	i := slices.IndexFunc(s.Joined, func(in SumInput) bool { return in.Site == site && !in.Withdrawn })
	if i < 0 {
		return SumInput{}, false
	}
	return s.Joined[i], true
}

// Summed returns the sites that take part, in the order of the invitation.
func (s Sum) Summed() (sites []PartyID) {
	for _, p := range s.Sites {
		if _, ok := s.Input(p); ok {
			sites = append(sites, p)
		}
	}
	return sites
}

// Ready reports whether no site can join any more: all have said whether they
// take part, or the time to join is over.
func (s Sum) Ready(now Time) bool {
	return now > s.Until || len(s.Summed())+len(s.Left) == len(s.Sites)
}

// Place returns where a holder stands among those of the sum, or -1.
func (s Sum) Place(holder PartyID) int { return slices.Index(s.Holders[:], holder) }

// SumSignedKey is where the command that proposed a sum is kept, and SumJoinKey
// where the one is by which a site joined, so that holders and sites check
// signatures and not a node's word.
func SumSignedKey(s SumID) Key { return KeyOf(s) + "/signed" }

// SumJoinKey is where a site's joining is kept. See SumSignedKey.
func SumJoinKey(s SumID, site PartyID) Key { return KeyOf(s) + "/joined/" + Key(site) }

// ProposeSum asks sites, the author among them, for a sum.
type ProposeSum struct {
	Title         string           `json:"title"`
	Purpose       Purpose          `json:"purpose"`
	Sites         []PartyID        `json:"sites"`
	Columns       []SumColumn      `json:"columns,omitempty"` // none: persons alone are counted
	GroupBy       string           `json:"group_by,omitempty"`
	Groups        []string         `json:"groups,omitempty"` // a row of the result each; none is one row
	Minimum       int              `json:"minimum"`          // fewer persons are not told of
	Organisations [Sharers]PartyID `json:"organisations"`    // that compute, by place
	Until         Time             `json:"until"`            // sites join until then
}

// Command implements Body.
func (ProposeSum) Command() string { return "sum.propose" }

// Check implements Body.
func (b ProposeSum) Check() error {
	switch {
	case b.Purpose.Vertical() == "":
		return ErrPurpose
	case b.Title == "" || len(b.Title) > maxSumTitle || !utf8.ValidString(b.Title) || strings.ContainsFunc(b.Title, unicode.IsControl):
		return fmt.Errorf("a sum has a title of one line, at most %d bytes", maxSumTitle)
	case b.Minimum < MinCohort || b.Minimum > maxSumMinimum:
		return fmt.Errorf("the fewest persons that are told of are %d to %d: fewer could point at a person", MinCohort, maxSumMinimum)
	case len(b.Sites) < MinSumSites || len(b.Sites) > MaxSumSites:
		return fmt.Errorf("a sum is over %d to %d sites: of two, each would learn the other's own numbers", MinSumSites, MaxSumSites)
	case len(b.Columns) > MaxSumColumns || len(b.Groups) > MaxSumGroups:
		return fmt.Errorf("a sum has at most %d columns and %d groups", MaxSumColumns, MaxSumGroups)
	case (b.GroupBy == "") != (len(b.Groups) == 0) || len(b.Groups) == 1:
		return errors.New("a sum by groups names the column that tells them, and two groups or more")
	}
	for i, p := range b.Sites {
		if err := CheckID(p, "p"); err != nil {
			return err
		}
		if VerticalOf(p) != b.Purpose.Vertical() {
			return fmt.Errorf("sites and purpose must be of one vertical: %w", ErrWall)
		}
		if slices.Contains(b.Sites[:i], p) {
			return errors.New("a site is invited once")
		}
	}
	for i, o := range b.Organisations {
		if err := CheckID(o, "p"); err != nil || slices.Contains(b.Organisations[:i], o) {
			return errors.New("three organisations compute a sum")
		}
	}
	return b.checkWords()
}

// checkWords refuses names that a table cannot tell apart, or that are no names.
func (b ProposeSum) checkWords() error {
	var columns []string
	if b.GroupBy != "" {
		columns = append(columns, b.GroupBy)
	}
	for _, c := range b.Columns {
		if c.Most < 1 || c.Most > MaxSumMost {
			return fmt.Errorf("one person adds at least 1 and at most %d to a column", MaxSumMost)
		}
		columns = append(columns, c.Name)
	}
	for _, words := range [][]string{columns, b.Groups} {
		for i, w := range words {
			if !sumWord(w) {
				return fmt.Errorf("names of columns and groups have 1 to %d bytes: letters, digits, spaces inside, and . _ + - / < > = %%", maxSumWord)
			}
			if slices.ContainsFunc(words[:i], func(o string) bool { return strings.EqualFold(o, w) }) {
				return errors.New("two columns or two groups have one name")
			}
		}
	}
	return nil
}

func sumWord(w string) bool {
	return w != "" && len(w) <= maxSumWord && utf8.ValidString(w) && strings.TrimSpace(w) == w && !strings.ContainsFunc(w, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ._+-/<>=%", r)
	})
}

// JoinSum takes part in a sum with the author's numbers. Terms is the hash of the
// proposal that the author has read, Holders who its shares are sealed to.
type JoinSum struct {
	Sum     SumID                `json:"sum"`
	Terms   Hash                 `json:"terms"`
	Holders [Sharers]PartyID     `json:"holders"`
	Digests [Sharers]Hash        `json:"digests"`
	Shares  [Sharers]storage.Ref `json:"shares"`
}

// Command implements Body.
func (JoinSum) Command() string { return "sum.join" }

// Check implements Body.
func (b JoinSum) Check() error {
	for i := range b.Holders {
		if CheckID(b.Holders[i], "p") != nil || slices.Contains(b.Holders[:i], b.Holders[i]) || b.Digests[i].IsZero() || b.Shares[i].IsZero() {
			return errors.New("a site joins with three holders, and a digest and a sealed share for each")
		}
	}
	if b.Terms.IsZero() {
		return errors.New("a site joins the terms that it names by their hash")
	}
	return CheckID(b.Sum, "sum")
}

// LeaveSum says that the author takes no part in a sum, or takes back what it
// joined with, before anything is computed.
type LeaveSum struct {
	Sum SumID `json:"sum"`
}

// Command implements Body.
func (LeaveSum) Command() string { return "sum.leave" }

// Check implements Body.
func (b LeaveSum) Check() error { return CheckID(b.Sum, "sum") }

// BeginSum begins a session over what has joined. It is the holder's at place 0.
type BeginSum struct {
	Sum SumID `json:"sum"`
}

// Command implements Body.
func (BeginSum) Command() string { return "sum.begin" }

// Check implements Body.
func (b BeginSum) Check() error { return CheckID(b.Sum, "sum") }

// PostSum gives a holder's share of the result of a try, sealed to the sites that
// joined.
type PostSum struct {
	Sum SumID `json:"sum"`
	Try int   `json:"try"`
	PostedShare
}

// Command implements Body.
func (PostSum) Command() string { return "sum.share" }

// Check implements Body.
func (b PostSum) Check() error {
	if b.Try < 1 || b.Output.IsZero() || b.Hash.IsZero() || b.Digests[0].IsZero() || b.Digests[1].IsZero() {
		return errors.New("a share of a sum has a try, a manifest, a hash and two digests")
	}
	return CheckID(b.Sum, "sum")
}

// EndSum ends a sum without a result: the proposer's, while sites join; a
// holder's that cannot use the share of a Site, and the first holder's after the
// last try; and anybody's where too few sites have joined in time, or it was not
// computed in time.
type EndSum struct {
	Sum  SumID   `json:"sum"`
	Site PartyID `json:"site,omitempty"`
}

// Command implements Body.
func (EndSum) Command() string { return "sum.end" }

// Check implements Body.
func (b EndSum) Check() error {
	if b.Site != "" {
		return errors.Join(CheckID(b.Sum, "sum"), CheckID(b.Site, "p"))
	}
	return CheckID(b.Sum, "sum")
}
