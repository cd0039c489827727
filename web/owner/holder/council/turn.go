package council

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
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
// returns the frames of each place that tells any, or whose fault it is that there
// are not all. The first that fails ends the turn, and so do ctx and the farewell
// of any place.
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
		heard  Faults // from places of which nothing is waited for
		waited []int  // places that were waited for when reads ended
		spoke  []int  // places that were waited for, and gave up
	)
	halt := func(byTime bool) {
		mu.Lock()
		defer mu.Unlock()
		if !halted && !ended {
			// Another's farewell may come in the instant in which time is up here too.
			halted, late = true, byTime || ctx.Err() != nil
			t.deadlines(time.Now(), time.Now().Add(grace))
		}
	}
	stop := context.AfterFunc(ctx, func() { halt(true) })
	var all, idle sync.WaitGroup
	linger := func(i int) {
		if bye := t.linger(i); bye != nil {
			halt(false)
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, t.blame(i, bye, false)...)
		}
	}
	for _, i := range t.others() {
		if len(x.out[i]) == 0 && len(x.in[i]) == 0 {
			idle.Go(func() { linger(i) })
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
				idle.Go(func() { linger(i) })
				return
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				waited = append(waited, i)
			}
			if _, bye := errors.AsType[farewell](err); bye {
				spoke = append(spoke, i)
			}
			faults = append(faults, t.blame(i, err, late)...)
		})
	}
	all.Wait()
	stop()
	t.deadlines(time.Now(), time.Now().Add(grace))
	idle.Wait()
	mu.Lock()
	defer mu.Unlock()
	ended = true
	if len(faults)+len(waited) > 0 {
		faults = append(faults, heard...).causes().answered(spoke)
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
	t.deadlines(time.Time{}, time.Time{})
	return got, nil
}

// blame returns what an error with a place says about whose fault it is: of a
// wait that was ended because another place failed, nobody's.
func (t *Table) blame(place int, err error, late bool) Faults {
	if bye, ok := errors.AsType[farewell](err); ok {
		return t.named(place, bye)
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

// named returns whom a place's farewell names.
func (t *Table) named(from int, bye farewell) (f Faults) {
	for at := 0; at < len(bye); at += named {
		x := Fault{Place: int(bye[at]), code: code(bye[at+1])}
		for _, by := range bye[at+2 : at+named] {
			if by != nobody {
				x.By = append(x.By, int(by))
			}
		}
		if x.Place != from || len(x.By) > 0 {
			x.By = append(x.By, from)
		}
		if x.Place >= len(t.conns) || x.code == 0 || x.code >= codes || slices.Max(append(x.By, 0)) >= len(t.conns) {
			return Faults{t.lied(from, "sent a farewell that is none")}
		}
		x.What = sayings[x.code]
		f = append(f, x)
	}
	return f
}

// hear asks places that were silent, at most for grace, whether they have given up
// in the same moment: who waits for a third is silent, and the third is at fault. What
// such a place answers stands for what others say of its silence too.
func (t *Table) hear(f Faults) Faults {
	said := map[int]Faults{}
	for _, x := range f {
		if x.code == silent && len(x.By) == 0 {
			said[x.Place] = nil
		}
	}
	if len(said) == 0 {
		return f
	}
	t.farewell(f) // they may ask the same
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, place := range slices.Collect(maps.Keys(said)) {
		all.Go(func() {
			if bye, ok := errors.AsType[farewell](t.lastWords(place)); ok {
				if other := t.named(place, bye); !other.accuse(t.self) {
					mu.Lock()
					defer mu.Unlock()
					said[place] = other.besides(place)
				}
			}
		})
	}
	all.Wait()
	var out Faults
	for _, x := range f {
		switch other := said[x.Place]; {
		case x.code != silent || other == nil:
			out = append(out, x)
		default:
			out = append(out, other...)
			said[x.Place] = Faults{} // once
		}
	}
	return out
}

// with takes the part of a turn that is with one place. halt ends the turn.
func (t *Table) with(place int, x turn, halt func()) ([][]byte, error) {
	c := t.conns[place]
	written := make(chan error, 1)
	go func() { written <- t.write(c, place, x) }()
	var frames [][]byte
	var err error
	var r io.Reader
	if len(x.in[place]) > 0 { // else what lies ahead stays there: it may be a farewell
		r = t.from(place)
	}
	for _, most := range x.in[place] {
		var b []byte
		if b, err = readFrame(r, tag(x.step, x.about, t.got[place]), most); err != nil {
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
		wrong = t.lastWords(place) // it gave up, and may have said why
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
func (t *Table) lastWords(place int) error {
	if err := t.conns[place].SetReadDeadline(time.Now().Add(grace)); err != nil {
		return err
	}
	if _, err := readFrame(t.from(place), [tagSize]byte{}, 0); err != nil {
		if bye, ok := errors.AsType[farewell](err); ok {
			return bye
		}
	}
	return net.ErrClosed
}

// linger waits for a farewell of a place of which nothing else is waited for, until
// reads end: who gives up is heard by all. What it reads of another step is read
// again by that.
func (t *Table) linger(place int) error {
	head := t.ahead[place]
	for len(head) < frameHead {
		var b [frameHead]byte
		n, err := t.conns[place].Read(b[:frameHead-len(head)])
		head = append(head, b[:n]...)
		t.ahead[place] = head
		if err != nil {
			return nil //nolint:nilerr // it is heard of when something is waited for
		}
	}
	if [tagSize]byte(head) != farewellTag() {
		return nil
	}
	// Its end is on its way, and reads may end before it is here. None of it is lost: where
	// the turn is over, the next one reads it.
	for tries := 1; ; tries++ {
		var read bytes.Buffer
		_, err := readFrame(io.TeeReader(t.from(place), &read), [tagSize]byte{}, 0) // of a farewell there is an error alone
		t.ahead[place] = read.Bytes()
		if !errors.Is(err, os.ErrDeadlineExceeded) || tries > 2 { // reads of a turn end twice at most
			return err
		}
		_ = t.conns[place].SetReadDeadline(time.Now().Add(grace)) // one that has failed says so when it is read
	}
}

// from returns what a place says, with what was read of it before.
func (t *Table) from(place int) io.Reader {
	b := t.ahead[place]
	t.ahead[place] = nil
	return io.MultiReader(bytes.NewReader(b), t.conns[place])
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
	for _, x := range f {
		if len(x.By) <= 2 && len(body) < named*maxNamed {
			body = append(body, byte(x.Place), byte(x.code), nobody, nobody)
			for k, by := range x.By {
				body[len(body)-2+k] = byte(by)
			}
		}
	}
	if len(body) == 0 { // who saw it has told all
		body = []byte{byte(t.self), byte(gaveUp), nobody, nobody}
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
