package committee

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/notice"
)

// An Order names one try to bring results from encryption to shares: which
// ciphertext, which of its slots, which members. Its session is drawn here and
// used once: a try that fails, for a member that fell away or a wrong share, is
// never answered by others but begun again with a new order, and counted.
//
// An order grants nothing. Who passes one to Member.Serve has made sure that a
// live grant covers the results, their recipient and the model.
//
// Encoded, version 1: "mxo" 1, the charter's id, the session, the active members
// (count, then a byte each), SHA-256 of the ciphertext, the slots (count, then
// 16 bits each). Without slots it is an audit's, whose ciphertext is 0.
type Order struct {
	charter *Charter
	session [32]byte
	active  []int
	sum     [32]byte
	slots   []int
	id      [32]byte
}

// MaxResults bounds the slots of one order.
const MaxResults = 64

// Order returns a fresh order for a result that is stored at the set's Floor.
// Slots are those of a model's results (ml/ckks.Plan.Results).
func (c *Charter) Order(active []int, result *ckks.Ciphertext, slots []int) (*Order, error) {
	if err := c.result(result); err != nil {
		return nil, err
	}
	o := &Order{charter: c, session: fresh(), active: slices.Clone(active), sum: sumOf(result), slots: slices.Clone(slots)}
	if len(slots) == 0 {
		return nil, o.bad()
	}
	return o, o.check()
}

// Audit returns a fresh order that opens nothing: every member shows whether its
// share fits the others', in all the ways that Suspects tells apart. base are
// the members whose shares did not fit, or any.
func (c *Charter) Audit(base []int) (*Order, error) {
	o := &Order{charter: c, session: fresh(), active: slices.Clone(base)}
	return o, o.check()
}

func (c *Charter) result(result *ckks.Ciphertext) error {
	if result.Set() != c.set || result.Level() != c.set.Floor() {
		return notice.New(notice.Invalid, "the ciphertext is no result under the committee's parameters", "run the model's plan for the set "+c.set.String())
	}
	return nil
}

func sumOf(c *ckks.Ciphertext) [32]byte {
	h := sha256.New()
	_, _ = c.WriteTo(h) // a hash takes all
	return [32]byte(h.Sum(nil))
}

func (o *Order) bad() error {
	return notice.New(notice.Invalid, fmt.Sprintf("an order asks for 1 to %d different results that a ciphertext has", MaxResults), "order fewer results at once")
}

func (o *Order) check() error {
	if err := o.charter.active(o.active); err != nil {
		return err
	}
	if len(o.slots) > MaxResults {
		return o.bad()
	}
	for i, s := range o.slots {
		if s < 0 || s >= o.charter.set.Slots() || slices.Contains(o.slots[:i], s) {
			return o.bad()
		}
	}
	if (len(o.slots) == 0) != (o.sum == [32]byte{}) {
		return o.bad()
	}
	o.id = digest("order", o.Bytes())
	return nil
}

// Bytes returns the order's one encoding.
func (o *Order) Bytes() []byte {
	b := append([]byte{'m', 'x', 'o', 1}, o.charter.id[:]...)
	b = appendActive(append(b, o.session[:]...), o.active)
	b = append(append(b, o.sum[:]...), byte(len(o.slots)))
	for _, s := range o.slots {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// ReadOrder reads what Bytes gave, from a stranger.
func (c *Charter) ReadOrder(b []byte) (*Order, error) {
	session, active, rest, err := c.begun(b, "mxo")
	if err != nil {
		return nil, err
	}
	if len(rest) < 33 || len(rest) != 33+2*int(rest[32]) {
		return nil, notice.New(notice.Invalid, "not an order to open results to shares", "order again")
	}
	o := &Order{charter: c, session: session, active: active, sum: [32]byte(rest[:32])}
	for at := 33; at < len(rest); at += 2 {
		o.slots = append(o.slots, int(binary.LittleEndian.Uint16(rest[at:])))
	}
	return o, o.check()
}

// Session returns the order's session.
func (o *Order) Session() [32]byte { return o.session }

// Active returns the members that serve it; of an audit, all.
func (o *Order) Active() []int {
	if o.audits() {
		return o.charter.all()
	}
	return slices.Clone(o.active)
}

func (o *Order) audits() bool { return len(o.slots) == 0 }

// values returns how many values the order opens, checks among them: what it
// takes off the key's cap.
func (o *Order) values() int { return len(o.slots) + len(o.trials()) }

// trials returns the sets of members whose shares a check puts together: those
// of the order; of an audit, these and each set in which one of the members is
// left out for one of the others.
func (o *Order) trials() [][]int {
	out := [][]int{o.active}
	if !o.audits() {
		return out
	}
	for _, away := range o.active {
		for _, instead := range o.charter.all() {
			if !slices.Contains(o.active, instead) {
				t := slices.DeleteFunc(slices.Clone(o.active), func(m int) bool { return m == away })
				t = append(t, instead)
				slices.Sort(t)
				out = append(out, t)
			}
		}
	}
	return out
}
