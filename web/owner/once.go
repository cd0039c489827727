package owner

import (
	"context"
	"encoding/json"
	"fmt"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// once does body under a name, exactly once however often it is tried: the
// signed command is kept in the keyring before it is sent, so that after a
// crash or a lost reply the very same command is sent again. done forgets it,
// when what follows from it has been done too.
func (p *Party) once(ctx context.Context, name string, body ledger.Body) (cmd ledger.Command, done func() error, err error) {
	name = "pending/" + name
	done = func() error { return p.Keys.Forget(name) }
	if kept, ok := p.Keys.Kept(name); ok {
		if err := json.Unmarshal(kept.Reveal(reveal.Token{}), &cmd); err != nil {
			return cmd, done, fmt.Errorf("pending command: %w", err)
		}
		_, err := p.Submit(ctx, cmd)
		if !notice.Is(err, notice.Expired) {
			return cmd, done, err
		}
		// It never reached the ledger, or the ledger would have known its id.
	}
	if cmd, err = p.Sign(ctx, body); err != nil {
		return cmd, done, err
	}
	b, err := json.Marshal(cmd)
	if err != nil {
		return cmd, done, fmt.Errorf("encode command: %w", err)
	}
	if err := p.Keys.Keep(name, b); err != nil {
		return cmd, done, err
	}
	_, err = p.Submit(ctx, cmd)
	if n := notice.From(err); err != nil && n.Kind != notice.Unavailable && n.Kind != notice.Internal {
		// Refused for good: trying the same again would be refused the same.
		_ = done()
	}
	return cmd, done, err
}
