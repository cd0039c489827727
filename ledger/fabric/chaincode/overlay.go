package chaincode

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hyperledger/fabric-chaincode-go/shim"

	"manx/ledger"
	"manx/ledger/fabric/batch"
)

// Where a key lives: in a collection named like its vertical, or in the state
// that the whole channel shares. A coin lives where its owner's vertical does,
// so that neither side sees the personas of the other; those of common parties
// are public.
const (
	public     = ""
	coinPrefix = "common/coin/"
	markPrefix = "common/command/" // the contract's marks of applied commands
	maxKey     = 512
)

// vertical returns the side whose key k is.
func vertical(k ledger.Key) ledger.Vertical {
	first, _, _ := strings.Cut(string(k), "/")
	return ledger.Vertical(first)
}

// homes returns where k may be, in the order to look.
func homes(k ledger.Key) []string {
	switch v := vertical(k); {
	case v == ledger.Health || v == ledger.Credit:
		return []string{string(v)}
	case strings.HasPrefix(string(k), coinPrefix):
		return []string{public, string(ledger.Health), string(ledger.Credit)}
	}
	return []string{public}
}

// sound reports whether a stub takes k. Ids from outside may be in it.
func sound(k ledger.Key) bool {
	return k != "" && len(k) <= maxKey && utf8.ValidString(string(k)) &&
		!strings.ContainsFunc(string(k), func(r rune) bool { return r < ' ' || r > unicode.MaxASCII })
}

func get(stub shim.ChaincodeStubInterface, home string, k ledger.Key) (b []byte, err error) {
	if home == public {
		b, err = stub.GetState(string(k))
	} else {
		b, err = stub.GetPrivateData(home, string(k))
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if len(b) == 0 {
		return nil, nil
	}
	return b, nil
}

// An overlay is the state as the commands of a batch see it one after another.
// A stub's reads do not see the transaction's own writes; an overlay's do.
type overlay struct {
	stub  shim.ChaincodeStubInterface
	lane  ledger.Vertical
	cells map[ledger.Key]*cell
	order []*cell // those to write, by first write: the same on every endorser
	fault error   // of the stub; the batch cannot go on
}

// A cell is one key: what the batch has made of it.
type cell struct {
	key    ledger.Key
	home   string // where value lives; where it lived, once deleted
	value  []byte // nil when absent
	stored bool   // the peer's state has it, in home
	dirty  bool   // to be written
}

func newOverlay(stub shim.ChaincodeStubInterface, lane ledger.Vertical) *overlay {
	return &overlay{stub: stub, lane: lane, cells: map[ledger.Key]*cell{}}
}

// cell reads a key once. What belongs to another lane is absent.
func (o *overlay) cell(k ledger.Key) *cell {
	if c := o.cells[k]; c != nil {
		return c
	}
	c := &cell{key: k}
	for _, home := range homes(k) {
		if home != public && home != string(o.lane) {
			continue
		}
		b, err := get(o.stub, home, k)
		if err != nil {
			o.fault = errors.Join(o.fault, err)
			return c
		}
		if b != nil {
			c.home, c.value, c.stored = home, b, true
			break
		}
	}
	o.cells[k] = c
	return c
}

// flush writes what the batch made of the state.
func (o *overlay) flush() error {
	for _, c := range o.order {
		var err error
		switch {
		case c.value != nil && c.home == public:
			err = o.stub.PutState(string(c.key), c.value)
		case c.value != nil:
			err = o.stub.PutPrivateData(c.home, string(c.key), c.value)
		case !c.stored: // made and deleted in this batch
		case c.home == public:
			err = o.stub.DelState(string(c.key))
		default:
			err = o.stub.DelPrivateData(c.home, string(c.key))
		}
		if err != nil {
			return fmt.Errorf("write state: %w", err)
		}
	}
	return nil
}

// A view is the state as one command sees it: not what it writes itself. It
// implements ledger.State.
type view struct {
	*overlay
	place  batch.Place
	writes []write
}

type write struct {
	key   ledger.Key
	home  string
	value []byte // nil deletes
}

// Get implements ledger.State.
func (v *view) Get(k ledger.Key) ([]byte, error) {
	if !sound(k) {
		return nil, errors.New("not a key of the ledger")
	}
	c := v.cell(k)
	if v.fault != nil {
		return nil, v.fault
	}
	return append([]byte(nil), unmarked(k, c.value)...), nil
}

// Put implements ledger.State.
func (v *view) Put(k ledger.Key, b []byte) error {
	home, err := v.home(k, b)
	if err != nil {
		return err
	}
	v.writes = append(v.writes, write{k, home, marked(k, b, v.place)})
	return nil
}

// Delete implements ledger.State.
func (v *view) Delete(k ledger.Key) error {
	c := v.cell(k)
	if v.fault != nil {
		return v.fault
	}
	v.writes = append(v.writes, write{k, c.home, nil})
	return nil
}

// home returns where a value will live. The lane may write its own state and
// what is common.
func (v *view) home(k ledger.Key, b []byte) (string, error) {
	at := vertical(k)
	if strings.HasPrefix(string(k), coinPrefix) {
		var c ledger.Coin
		if err := json.Unmarshal(b, &c); err != nil {
			return "", fmt.Errorf("a coin is no coin: %w", err)
		}
		at = ledger.VerticalOf(c.Owner)
	}
	switch {
	case !sound(k) || len(b) == 0:
		return "", errors.New("not a key and value of the ledger")
	case at == ledger.Common:
		return public, nil
	case at == v.lane:
		return string(at), nil
	}
	return "", fmt.Errorf("a command of the %s lane writes state of another: %w", v.lane, ledger.ErrWall)
}

// commit makes what the command wrote visible to those after it.
func (v *view) commit() {
	for _, w := range v.writes {
		c := v.cell(w.key)
		if !c.dirty {
			c.dirty = true
			v.order = append(v.order, c)
		}
		c.home, c.value = w.home, w.value
	}
}

// The mark of an applied command is kept with the place where it was applied:
// "mark tx index".

func marked(k ledger.Key, b []byte, p batch.Place) []byte {
	if !strings.HasPrefix(string(k), markPrefix) {
		return append([]byte(nil), b...)
	}
	return fmt.Appendf(nil, "%s %s %d", b, p.Tx, p.Index)
}

func unmarked(k ledger.Key, b []byte) []byte {
	if !strings.HasPrefix(string(k), markPrefix) {
		return b
	}
	mark, _, _ := strings.Cut(string(b), " ")
	if mark == "" {
		return nil
	}
	return []byte(mark)
}

func (o *overlay) placeOf(id ledger.CommandID) (*batch.Place, error) {
	text, err := id.MarshalText()
	if err != nil {
		return nil, err
	}
	c := o.cell(ledger.Key(markPrefix + string(text)))
	if o.fault != nil {
		return nil, o.fault
	}
	parts := strings.Split(string(c.value), " ")
	if len(parts) != 3 {
		return nil, errors.New("the mark of an applied command is damaged")
	}
	n, err := strconv.Atoi(parts[2])
	if err != nil {
		return nil, fmt.Errorf("the mark of an applied command is damaged: %w", err)
	}
	return &batch.Place{Tx: parts[1], Index: n}, nil
}
