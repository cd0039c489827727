package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"manx/ml/pool"
	"manx/privacy/notice"
)

// memoryVariable tells the child how much it may have.
const memoryVariable = "MANX_SANDBOX_MEMORY"

func newBytes(b []byte) io.Reader { return bytes.NewReader(b) }

// Serve is the child: it bounds its own process, and answers with an engine until its
// parent is gone.
func Serve(in io.Reader, out io.Writer, engine pool.Engine) error {
	memory, err := strconv.ParseInt(os.Getenv(memoryVariable), 10, 64)
	if err != nil || memory < 1<<20 {
		return notice.New(notice.Invalid, "this command is the worker's own", "`manx worker run` starts it")
	}
	if err := bound(memory); err != nil {
		return err
	}
	s := &servant{engine: engine, out: out, programs: map[uint32]pool.Program{}, evaluators: map[uint32]pool.Evaluator{}}
	if err := s.write(frame{kind: ready}); err != nil {
		return err
	}
	return s.serve(in)
}

// A servant does one call at a time.
type servant struct {
	engine     pool.Engine
	mu         sync.Mutex
	out        io.Writer
	programs   map[uint32]pool.Program
	evaluators map[uint32]pool.Evaluator
}

func (s *servant) write(f frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return writeFrame(s.out, f)
}

// serve reads frames: requests start a call, their bodies feed it, stop ends it.
func (s *servant) serve(in io.Reader) error {
	var body *io.PipeWriter
	cancel := func(error) {}
	var running sync.WaitGroup
	for {
		f, err := readFrame(in)
		if err != nil {
			cancel(err)
			return nil // the parent is gone
		}
		switch f.kind {
		case load, bind, evaluate, drop:
			running.Wait()
			r, w := io.Pipe()
			body = w
			var ctx context.Context
			ctx, cancelCause := context.WithCancelCause(context.Background())
			cancel = func(err error) { cancelCause(err); _ = w.CloseWithError(err) }
			running.Go(func() {
				err := s.do(ctx, f, r)
				_ = r.CloseWithError(io.ErrClosedPipe)
				s.answer(err)
			})
		case data:
			if body != nil {
				_, _ = body.Write(f.body) // who has ended needs no more
			}
		case end:
			if body != nil {
				_ = body.Close()
			}
		case abort:
			if body != nil {
				_ = body.CloseWithError(io.ErrUnexpectedEOF)
			}
		case stop:
			cancel(context.Canceled)
		default:
			return errors.New("a request that is none")
		}
	}
}

func (s *servant) answer(err error) {
	f := frame{kind: done}
	if err != nil {
		n := notice.From(err)
		text := n.Text
		if errors.Is(err, context.Canceled) {
			text = "stopped"
		}
		b, _ := json.Marshal(complaint{n.Kind, text, n.Hint})
		f = frame{kind: failed, body: b}
	}
	if s.write(f) != nil {
		os.Exit(1) //nolint:forbidigo // the parent is gone
	}
}

func (s *servant) do(ctx context.Context, f frame, body io.Reader) error {
	switch f.kind {
	case load:
		b, err := io.ReadAll(body)
		if err != nil {
			return fmt.Errorf("read plan: %w", err)
		}
		p, err := s.engine.Load(ctx, b)
		if err == nil {
			s.programs[f.id] = p
		}
		return err
	case bind:
		p := s.programs[f.of]
		if p == nil {
			return errors.New("no such program")
		}
		v, err := p.Bind(ctx, body)
		if err == nil {
			s.evaluators[f.id] = v
		}
		return err
	case drop:
		held := []any{s.programs[f.id], s.evaluators[f.id]}
		delete(s.programs, f.id)
		delete(s.evaluators, f.id)
		for _, x := range held {
			if c, ok := x.(io.Closer); ok { // it holds more than this process's memory
				return c.Close()
			}
		}
		return nil
	default:
		v := s.evaluators[f.id]
		if v == nil {
			return errors.New("no such evaluator")
		}
		return v.Evaluate(ctx, body, chunks{s}, func(at, of int) { _ = s.write(frame{kind: step, id: uint32(at), of: uint32(of)}) })
	}
}

// chunks sends what is written to it as frames.
type chunks struct{ s *servant }

func (c chunks) Write(b []byte) (int, error) {
	for at := 0; at < len(b); at += maxChunk {
		if err := c.s.write(frame{kind: data, body: b[at:min(at+maxChunk, len(b))]}); err != nil {
			return at, err
		}
	}
	return len(b), nil
}
