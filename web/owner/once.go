package owner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// resume sends a command that was kept under a name before, and may or may not
// have reached the ledger. Where none is kept, or the ledger refuses it for
// good, there is nothing to go on with and found is false.
func (p *Party) resume(ctx context.Context, name string) (cmd ledger.Command, done func() error, found bool, err error) {
	name = "pending/" + name
	done = func() error { return p.Keys.Forget(name) }
	kept, ok := p.Keys.Kept(name)
	if !ok {
		return cmd, done, false, nil
	}
	if err := json.Unmarshal(kept.Reveal(reveal.Token{}), &cmd); err != nil {
		return cmd, done, false, fmt.Errorf("pending command: %w", err)
	}
	if _, err = p.Submit(ctx, cmd); !refused(err) {
		return cmd, done, true, err
	}
	// It never took effect: the ledger would have known its id.
	return ledger.Command{}, done, false, done()
}

// refused reports whether an answer says that a command has no effect, neither
// now nor later, rather than leaving that open.
func refused(err error) bool {
	if err == nil {
		return false
	}
	n := notice.From(err)
	return n.Kind != notice.Unavailable && n.Kind != notice.Internal
}

// once does body under a name, exactly once however often it is tried: the
// signed command is kept in the keyring before it is sent, so that after a
// crash or a lost reply the very same command is sent again. done forgets it,
// when what follows from it has been done too.
func (p *Party) once(ctx context.Context, name string, body ledger.Body) (cmd ledger.Command, done func() error, err error) {
	return p.onceAfter(ctx, name, body, nil)
}

// onceAfter is once that calls first, where not nil, with a command that was not kept
// before, before it is kept and sent.
func (p *Party) onceAfter(ctx context.Context, name string, body ledger.Body, first func(ledger.Command) error) (cmd ledger.Command, done func() error, err error) {
	cmd, done, found, err := p.resume(ctx, name)
	if found || err != nil {
		return cmd, done, err
	}
	if cmd, err = p.Sign(ctx, body); err != nil {
		return cmd, done, err
	}
	if first != nil {
		if err := first(cmd); err != nil {
			return cmd, done, err
		}
	}
	b, err := json.Marshal(cmd)
	if err != nil {
		return cmd, done, fmt.Errorf("encode command: %w", err)
	}
	if err := p.Keys.Keep("pending/"+name, b); err != nil {
		return cmd, done, err
	}
	if _, err = p.Submit(ctx, cmd); refused(err) {
		return cmd, done, errors.Join(err, done())
	}
	return cmd, done, err
}
