package council

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
)

// A Handover is how a key is shared anew: by whom, among whom, and who of them
// sits where at a table that has them all. A process that is a member before and
// after has one place.
type Handover struct {
	From, Next *committee.Charter
	Active     []int // members of From that deal, as many as it needs, ascending
	Dealers    []int // their places
	Members    []int // places of Next's members, in its order
	Public     *ckks.PublicKey

	// Keep is called at a new member's place before its word that it is ready is
	// given: it stores the share so that it is there after a loss of power. An
	// error ends the handover, and the old shares stay.
	Keep func(*committee.Member) error
}

// check refuses a handover that does not fit the table, and returns this place's
// numbers in both charters, 0 where it has none.
func (h *Handover) check(t *Table) (dealer, member int, err error) {
	if h.From == nil || h.Next == nil || h.Public == nil || len(h.Dealers) != len(h.Active) || len(h.Members) != len(h.Next.Seats()) ||
		!t.seats(h.Dealers) || !t.seats(h.Members) {
		return 0, 0, badTable("a member of the one committee or the other has no place of its own")
	}
	if i := slices.Index(h.Dealers, t.self); i >= 0 {
		dealer = h.Active[i]
	}
	member = slices.Index(h.Members, t.self) + 1
	if member != 0 && h.Keep == nil {
		return 0, 0, notice.New(notice.Invalid, "a new member's share has nowhere to be kept", "say where the handover keeps it")
	}
	return dealer, member, nil
}

// seats reports whether these are places of the table, each once.
func (t *Table) seats(places []int) bool {
	for k, i := range places {
		if i < 0 || i >= len(t.conns) || slices.Contains(places[:k], i) {
			return false
		}
	}
	return true
}

// Reshare shares a key anew: the active members of the old charter deal to all
// members of the next. old is nil at a place that deals nothing, as is the
// journal, and as is not read at a place that has no seat in the next charter.
//
// It returns when every new member has said that it keeps its share, and that it
// has heard all others say so: the new member at a new member's place, else nil.
// From then on the old shares can be destroyed (committee.Member.Destroy, and what
// was kept of it). After an error nobody anywhere was told so, and what was kept
// here can be deleted: it is of no use with shares of another try. But an error
// that is ErrUnsure came when all had said that they keep theirs: elsewhere the
// handover may be over. Keep old and new shares then, until another place tells.
func Reshare(ctx context.Context, t *Table, h Handover, old *committee.Member, as committee.Identity, j committee.Journal) (_ *committee.Member, err error) {
	defer func() { err = t.end(err) }()
	dealer, member, err := h.check(t)
	if err != nil {
		return nil, err
	}
	from, next := h.From.ID(), h.Next.ID()
	active := make([]byte, len(h.Active))
	for i, m := range h.Active {
		active[i] = byte(m)
	}
	x := turn{"share anew", about("share anew", from[:], next[:], active), map[int][][]byte{}, map[int][]int{}}
	var mine []committee.Message
	if dealer != 0 {
		if err := checkSeat(old, dealer); err != nil {
			return nil, err
		}
		dealt, err := old.Reshare(h.Next, h.Active, j)
		if err != nil {
			return nil, err
		}
		for i, m := range dealt {
			if h.Members[i] == t.self {
				mine = append(mine, m)
			} else {
				x.out[h.Members[i]] = [][]byte{m}
			}
		}
	}
	if member != 0 {
		for _, i := range h.Dealers {
			if i != t.self {
				x.in[i] = []int{h.Next.MostDealt()}
			}
		}
	}
	got, err := t.take(ctx, x)
	if err != nil {
		return nil, err
	}
	m, word, err := h.join(t, member, as, got, mine)
	if err == nil {
		err = h.ready(ctx, t, x.about, word)
	}
	if err == nil {
		err = h.seen(ctx, t, x.about, member)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// ErrUnsure says that a handover may be over elsewhere: see Reshare.
var ErrUnsure = errors.New("the handover may be over at other places")

// seen waits until all new members have heard that all are ready.
func (h *Handover) seen(ctx context.Context, t *Table, subject [32]byte, member int) error {
	x := turn{"seen", subject, nil, h.heard(t, len(subject))}
	if member != 0 {
		x.out = t.all(subject[:])
	}
	got, err := t.take(ctx, x)
	for i, f := range got {
		if !bytes.Equal(f[0], subject[:]) {
			err = Faults{t.lied(i, "speaks of another handover")}.because(nil)
		}
	}
	if err != nil {
		n := notice.From(err)
		return notice.Because(errors.Join(err, ErrUnsure), n.Kind, n.Text, "keep the old and the new share, and ask the other organisations whether they serve under the new charter")
	}
	return nil
}

// heard returns bounds for what the new members at other places say.
func (h *Handover) heard(t *Table, most int) map[int][]int {
	in := map[int][]int{}
	for _, i := range h.Members {
		if i != t.self {
			in[i] = []int{most}
		}
	}
	return in
}

// join makes the new member at its place, and has it kept.
func (h *Handover) join(t *Table, member int, as committee.Identity, got map[int][][]byte, in []committee.Message) (*committee.Member, []committee.Message, error) {
	if member == 0 {
		return nil, nil, nil
	}
	for k, i := range h.Dealers {
		for _, b := range got[i] {
			m, ok := own(b, h.Active[k], member)
			if !ok {
				return nil, nil, Faults{t.lied(i, "sent a message that is not its own")}.because(nil)
			}
			in = append(in, m)
		}
	}
	m, word, err := committee.Join(h.Next, h.From, as, h.Active, h.Public, in)
	if err != nil {
		return nil, nil, placed(err, func(m int) int { return h.Dealers[slices.Index(h.Active, m)] })
	}
	if err := checkSeat(m, member); err != nil {
		return nil, nil, err
	}
	if err := h.Keep(m); err != nil {
		return nil, nil, notice.Because(err, notice.Internal, "the new member's share could not be kept", "share the key anew; the old shares are in use still")
	}
	return m, []committee.Message{word}, nil
}

// ready waits for all new members' words that they keep their shares.
func (h *Handover) ready(ctx context.Context, t *Table, subject [32]byte, mine []committee.Message) error {
	x := turn{"ready", subject, nil, h.heard(t, h.Next.MostDealt())}
	if len(mine) > 0 {
		x.out = t.all(mine[0])
	}
	got, err := t.take(ctx, x)
	if err != nil {
		return err
	}
	for k, i := range h.Members {
		for _, b := range got[i] {
			m, ok := own(b, k+1, 0)
			if !ok {
				return Faults{t.lied(i, "sent a message that is not its own")}.because(nil)
			}
			mine = append(mine, m)
		}
	}
	return placed(committee.Ready(h.Next, h.From, h.Active, mine), func(m int) int { return h.Members[m-1] })
}
