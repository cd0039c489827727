// Package sandbox runs a pool's engine in a child process that has no network, opens
// no files and is bounded in memory and time. The parent fetches plans, keys and inputs
// and hands their bytes over; the child gives back results' bytes. What a hostile plan
// could do to an engine, it does to a process that reaches nothing.
//
// It is no shield against the kernel: there is no filter of system calls. On systems
// other than Linux, and where the kernel forbids namespaces, the child has a network;
// the log says so.
package sandbox

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"

	"manx/ml/pool"
	"manx/privacy/notice"
)

// An Engine is a pool.Engine whose work is done in a child. Its fields are set before
// its first use; it does one thing at a time. Close ends the child.
type Engine struct {
	Command []string      // a program and its arguments that call Serve; no environment is given to it but
	Keep    []string      // of this process, the variables of these names
	Memory  int64         // bytes the child may have; 0 means 8 GiB
	Time    time.Duration // for one call; 0 means 30 minutes
	Log     *slog.Logger  // nil discards

	mu   sync.Mutex // one call at a time
	c    *child
	next uint32
}

var _ pool.Engine = (*Engine)(nil)

// A child is a running process.
type child struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	send sync.Mutex // frames go out whole

	programs map[uint32]bool // that it holds
}

// errGone is what the cache forgets a program for: the child that had it has ended.
var errGone = pool.ErrGone

// patience is how long a child may take to stop a call before it is killed.
const patience = 500 * time.Millisecond

func (e *Engine) start(ctx context.Context) error {
	if e.c != nil {
		return nil
	}
	if e.Memory == 0 {
		e.Memory = 8 << 30
	}
	if e.Time == 0 {
		e.Time = 30 * time.Minute
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	within, cancel := context.WithTimeout(ctx, e.Time)
	defer cancel()
	c, err := e.spawn(within, true)
	if ctx.Err() != nil {
		if err == nil {
			c.kill()
		}
		return context.Cause(ctx)
	}
	if err != nil {
		var alone error
		if c, alone = e.spawn(within, false); alone != nil {
			return notice.Because(alone, notice.Internal, "the process that evaluates jobs does not start", "is the manx binary still where it was?")
		}
		e.Log.WarnContext(ctx, "the kernel forbids namespaces: jobs are evaluated in a process that has a network", "err", err)
	}
	e.c = c
	return nil
}

// spawn starts a child and waits until it has begun, or ctx ends.
func (e *Engine) spawn(ctx context.Context, isolated bool) (*child, error) {
	cmd := exec.Command(e.Command[0], e.Command[1:]...) //nolint:noctx,gosec // it outlives calls, and is the operator's own command
	cmd.Env, cmd.Dir = []string{fmt.Sprintf("%s=%d", memoryVariable, e.Memory)}, "/"
	for _, name := range e.Keep {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	if isolated {
		isolate(cmd)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, in: in, out: out, programs: map[uint32]bool{}}
	over := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	f, err := readFrame(out)
	if over(); err != nil || f.kind != ready {
		c.kill()
		return nil, errors.Join(errors.New("the child did not begin"), err)
	}
	return c, nil
}

// kill ends a child and waits for it.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// Close ends the child.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.c != nil {
		e.c.kill()
		e.c = nil
	}
	return nil
}

// Load implements pool.Engine.
func (e *Engine) Load(ctx context.Context, plan []byte) (pool.Program, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	e.next++
	p := &program{e, e.c, e.next}
	if err := e.call(ctx, p.c, frame{kind: load, id: p.id}, newBytes(plan), io.Discard, nil); err != nil {
		return nil, err
	}
	return p, nil
}

type program struct {
	e  *Engine
	c  *child
	id uint32
}

// Bind implements pool.Program.
func (p *program) Bind(ctx context.Context, keys io.Reader) (pool.Evaluator, error) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	p.e.next++
	v := &evaluator{program{p.e, p.c, p.e.next}}
	if err := p.e.call(ctx, p.c, frame{kind: bind, id: v.id, of: p.id}, keys, io.Discard, nil); err != nil {
		return nil, err
	}
	return v, nil
}

// Close frees what the child holds of it.
func (p *program) Close() error {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	if p.c != p.e.c {
		return nil // gone with its child
	}
	return p.e.call(context.Background(), p.c, frame{kind: drop, id: p.id}, newBytes(nil), io.Discard, nil)
}

type evaluator struct{ program }

// Evaluate implements pool.Evaluator.
func (v *evaluator) Evaluate(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
	v.e.mu.Lock()
	defer v.e.mu.Unlock()
	return v.e.call(ctx, v.c, frame{kind: evaluate, id: v.id}, in, out, progress)
}

// call sends a request with its body and reads the answer. A cancelled ctx stops the
// child's work, or the child.
func (e *Engine) call(ctx context.Context, c *child, f frame, body io.Reader, out io.Writer, progress func(step, of int)) error {
	if c != e.c {
		return errGone
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.Time, errTime)
	defer cancel()
	answered := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-answered:
			return
		case <-ctx.Done():
		}
		// A child that reads nothing lets nothing be written either: it is killed all the same.
		late := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
		_ = c.write(frame{kind: stop})
		<-answered
		late.Stop()
	})
	sent := make(chan error, 1)
	watching.Go(func() { sent <- c.upload(f, body) })
	err, alive := c.answer(out, progress)
	close(answered)
	if !alive {
		c.kill()
		e.c = nil
	}
	watching.Wait()
	uploaded := <-sent
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errTime):
		return notice.Because(errors.Join(err, errGone), notice.Exhausted, "the job ran longer than this worker allows", "the model's owner can publish a smaller plan")
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), err)
	case !alive:
		e.Log.WarnContext(ctx, "the process that evaluates jobs has ended", "err", err, "status", c.cmd.ProcessState.String())
		return notice.Because(errors.Join(err, errGone), notice.Exhausted, "the evaluation ended without a result: it may need more memory than this worker gives it", "the model's owner can publish a smaller plan")
	case errors.Is(uploaded, errBody):
		return uploaded // the cause of the child's complaint
	}
	return err
}

var (
	errTime = errors.New("the time for one evaluation is over")
	errBody = errors.New("read what is to be evaluated")
)

// upload sends a request and its body.
func (c *child) upload(f frame, body io.Reader) error {
	if err := c.write(f); err != nil {
		return err
	}
	b := make([]byte, maxChunk)
	for {
		n, err := io.ReadFull(body, b)
		if n > 0 {
			if err := c.write(frame{kind: data, body: b[:n]}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return c.write(frame{kind: end})
		case err != nil:
			return errors.Join(fmt.Errorf("%w: %w", errBody, err), c.write(frame{kind: abort}))
		}
	}
}

func (c *child) write(f frame) error {
	c.send.Lock()
	defer c.send.Unlock()
	return writeFrame(c.in, f)
}

// answer reads frames until a call has ended; alive is false where the child has.
func (c *child) answer(out io.Writer, progress func(step, of int)) (err error, alive bool) {
	var writing error
	for {
		f, err := readFrame(c.out)
		if err != nil {
			return err, false
		}
		switch f.kind {
		case step:
			if progress != nil {
				progress(int(f.id), int(f.of))
			}
		case data:
			if writing == nil {
				_, writing = out.Write(f.body)
			}
		case done:
			return writing, true
		case failed:
			var n complaint
			if err := json.Unmarshal(f.body, &n); err != nil {
				return err, false
			}
			return errors.Join(writing, n.notice()), true
		default:
			return errors.New("an answer that is none"), false
		}
	}
}

// A complaint is a notice on its way.
type complaint struct {
	Kind notice.Kind `json:"kind"`
	Text string      `json:"text"`
	Hint string      `json:"hint"`
}

func (n complaint) notice() error { return notice.New(n.Kind, n.Text, n.Hint) }

// The kinds of frames.
const (
	ready    = byte('R')
	load     = byte('L')
	bind     = byte('B')
	evaluate = byte('E')
	drop     = byte('D')
	stop     = byte('S')
	data     = byte('d')
	end      = byte('e')
	abort    = byte('a')
	step     = byte('s')
	done     = byte('k')
	failed   = byte('f')
)

// A frame is a kind, two numbers and a body of at most maxChunk bytes, with its length
// before it, big endian.
type frame struct {
	kind   byte
	id, of uint32
	body   []byte
}

const (
	maxChunk = 1 << 20
	header   = 1 + 4 + 4 + 4
)

func writeFrame(w io.Writer, f frame) error {
	b := make([]byte, header, header+len(f.body))
	b[0] = f.kind
	binary.BigEndian.PutUint32(b[1:], f.id)
	binary.BigEndian.PutUint32(b[5:], f.of)
	binary.BigEndian.PutUint32(b[9:], uint32(len(f.body)))
	if _, err := w.Write(append(b, f.body...)); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

func readFrame(r io.Reader) (f frame, err error) {
	var b [header]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return f, fmt.Errorf("read frame: %w", err)
	}
	f.kind, f.id, f.of = b[0], binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint32(b[5:])
	n := binary.BigEndian.Uint32(b[9:])
	if n > maxChunk {
		return f, errors.New("read frame: it is too long")
	}
	if n > 0 {
		f.body = make([]byte, n)
		if _, err := io.ReadFull(r, f.body); err != nil {
			return f, fmt.Errorf("read frame: %w", err)
		}
	}
	return f, nil
}
