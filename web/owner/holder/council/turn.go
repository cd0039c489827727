package council

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"manx/privacy/notice"
)

// A turn is one step of a protocol as a place takes it: what it tells each other
// place, and what each tells it.
type turn struct {
	step  string
	about [32]byte
	out   map[int][][]byte // frames, by place
	in    map[int][]int    // the most bytes of each frame, by place
}

// take writes and reads at once, so that nobody waits for who waits for him. It
// returns the frames of each place that tells any, or whose fault it is that there are not all:
// the first that fails ends the turn, and so does ctx.
func (t *Table) take(ctx context.Context, x turn) (map[int][][]byte, error) {
	if t.over != nil {
		return nil, t.over
	}
	if err := ctx.Err(); err != nil {
		return nil, notice.Because(context.Cause(ctx), notice.Unavailable, "this process had no time left for the council", "try again, in a new session")
	}
	var (
		mu     sync.Mutex
		halted bool // reads have ended
		late   bool // by ctx
		ended  bool
		got    = map[int][][]byte{}
		faults Faults
		waited []int // places that were waited for when reads ended
	)
	halt := func(byTime bool) {
		mu.Lock()
		defer mu.Unlock()
		if !halted && !ended {
			halted, late = true, byTime
			t.deadlines(time.Now(), time.Now().Add(grace))
		}
	}
	stop := context.AfterFunc(ctx, func() { halt(true) })
	var all sync.WaitGroup
	for _, i := range t.others() {
		if len(x.out[i]) == 0 && len(x.in[i]) == 0 {
			continue
		}
		all.Go(func() {
			frames, err := t.with(i, x, func() { halt(false) })
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				if len(frames) > 0 {
					got[i] = frames
				}
				return
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				waited = append(waited, i)
			}
			faults = append(faults, t.blame(i, err, late)...)
		})
	}
	all.Wait()
	stop()
	mu.Lock()
	defer mu.Unlock()
	ended = true
	if len(faults) > 0 {
		faults = faults.causes()
		if faults.accuse(t.self) {
			for _, i := range waited {
				faults = append(faults, t.saw(i, silent))
			}
		}
		if !errors.Is(ctx.Err(), context.Canceled) {
			faults = t.hear(faults)
		}
		return nil, faults.because(context.Cause(ctx))
	}
	if halted { // by a ctx that ended when all was done
		t.deadlines(time.Time{}, time.Time{})
	}
	return got, nil
}

// blame returns what an error with a place says about whose fault it is: of a
// wait that was ended because another place failed, nobody's.
func (t *Table) blame(place int, err error, late bool) Faults {
	if bye, ok := errors.AsType[farewell](err); ok {
		var f Faults
		for at := 0; at < len(bye); at += 2 {
			named, c := int(bye[at]), code(bye[at+1])
			if named >= len(t.conns) || c == 0 || c >= codes {
				return Faults{t.lied(place, "sent a farewell that is none")}
			}
			by := place
			if named == place {
				by = -1
			}
			f = append(f, Fault{named, sayings[c], by, c})
		}
		return f
	}
	if what, ok := errors.AsType[lie](err); ok {
		return Faults{t.lied(place, string(what))}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if late {
			return Faults{t.saw(place, silent)}
		}
		return nil
	}
	return Faults{t.saw(place, hungUp)}
}

// hear asks places that were silent, at most for grace, whether they have given up
// in the same moment: who waits for a third is silent, and the third is at fault.
func (t *Table) hear(f Faults) Faults {
	if !slices.ContainsFunc(f, func(x Fault) bool { return x.code == silent && x.By < 0 }) {
		return f
	}
	t.farewell(f) // they may ask the same
	said := make([]Faults, len(f))
	var all sync.WaitGroup
	for k, x := range f {
		said[k] = Faults{x}
		if x.code != silent || x.By >= 0 {
			continue
		}
		all.Go(func() {
			if bye, ok := errors.AsType[farewell](lastWords(t.conns[x.Place])); ok {
				if other := t.blame(x.Place, bye, true); !other.accuse(t.self) {
					said[k] = other
				}
			}
		})
	}
	all.Wait()
	return slices.Concat(said...)
}

// with takes the part of a turn that is with one place. halt ends the turn.
func (t *Table) with(place int, x turn, halt func()) ([][]byte, error) {
	c := t.conns[place]
	written := make(chan error, 1)
	go func() { written <- t.write(c, place, x) }()
	var frames [][]byte
	var err error
	for _, most := range x.in[place] {
		var b []byte
		if b, err = readFrame(c, tag(x.step, x.about, t.got[place]), most); err != nil {
			halt()
			break
		}
		t.got[place]++
		frames = append(frames, b)
	}
	wrong := <-written
	if wrong == nil {
		return frames, err
	}
	t.torn[place] = true
	if err != nil {
		return nil, err
	}
	if !errors.Is(wrong, os.ErrDeadlineExceeded) {
		wrong = lastWords(c) // it gave up, and may have said why
	}
	halt()
	return nil, wrong
}

// write sends a turn's frames to a place.
func (t *Table) write(c net.Conn, place int, x turn) error {
	w := bufio.NewWriterSize(c, chunk)
	for _, b := range x.out[place] {
		if err := writeFrame(w, tag(x.step, x.about, t.sent[place]), b); err != nil {
			return err
		}
		t.sent[place]++
	}
	return nil
}

// lastWords reads what a place that takes nothing more said last.
func lastWords(c net.Conn) error {
	if err := c.SetReadDeadline(time.Now().Add(grace)); err != nil {
		return err
	}
	if _, err := readFrame(c, [tagSize]byte{}, 0); err != nil {
		if bye, ok := errors.AsType[farewell](err); ok {
			return bye
		}
	}
	return net.ErrClosed
}

// deadlines ends reads and writes at these times; the zero time is never.
func (t *Table) deadlines(read, write time.Time) {
	for _, c := range t.conns {
		if c != nil {
			_ = errors.Join(c.SetReadDeadline(read), c.SetWriteDeadline(write)) // of one that has failed
		}
	}
}

// farewell tells every place that this one gives up, and whose fault it is, if it
// can be told within grace. It does so once.
func (t *Table) farewell(f Faults) {
	if t.bade {
		return
	}
	t.bade = true
	var body []byte
	for _, x := range f[:min(len(f), maxNamed)] {
		body = append(body, byte(x.Place), byte(x.code))
	}
	t.deadlines(time.Now(), time.Now().Add(grace))
	var all sync.WaitGroup
	for i, c := range t.conns {
		if c == nil || t.torn[i] {
			continue
		}
		all.Go(func() {
			_ = writeFrame(bufio.NewWriter(c), farewellTag(), body) // whom it does not reach hears that we hung up
		})
	}
	all.Wait()
}
