package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"manx/ledger"
	"manx/web"
)

// A watcher tells the node's log when the calls of a model begin to look like
// extraction (ml/watch). It refuses nothing; a model's owner reads as much, with
// reasons, by `manx model watch`.
type watcher struct {
	*clerk
	followed mark
}

// asking is who asks which model.
type asking struct {
	model ledger.ModelID
	asker ledger.PartyID
}

// run follows the ledger from its mark until ctx ends. An asker of a model is told of
// once in a run of the node.
func (w *watcher) run(ctx context.Context) error {
	from, err := w.followed.read()
	if err != nil {
		return err
	}
	told, fresh := map[asking]bool{}, map[asking]bool{}
	for e, err := range w.ledger.Events(ctx, from) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watcher: %w", err)
		}
		switch e.Name {
		case ledger.ReceiptWritten:
			var leaf ledger.Leaf
			var r ledger.Receipt
			err := json.Unmarshal(e.Body, &leaf)
			if err == nil {
				err = json.Unmarshal(leaf.Receipt, &r)
			}
			if err != nil {
				return fmt.Errorf("receipt on the ledger: %w", err)
			}
			fresh[asking{r.Model, r.Asker}] = true
		case ledger.TimeTicked: // what ended since the last tick is looked at together
			var now ledger.Clock
			if err := json.Unmarshal(e.Body, &now); err != nil {
				return fmt.Errorf("time on the ledger: %w", err)
			}
			for a := range fresh {
				if !told[a] {
					w.try(ctx, "watch", func(ctx context.Context) (err error) {
						told[a], err = w.look(ctx, a, e.Height, now.Now)
						return err
					})
				}
			}
			clear(fresh)
			if err := w.followed.keep(e.Height); err != nil {
				return err
			}
		}
	}
	return nil
}

// look tells the log of an asker if there is cause, once the index has what the
// ledger had at a height.
func (w *watcher) look(ctx context.Context, a asking, at ledger.Height, now ledger.Time) (told bool, err error) {
	m, err := read[ledger.Model](ctx, w.ledger, a.model)
	if err != nil {
		return false, err
	}
	if err := w.index.Await(ctx, at); err != nil {
		return false, err
	}
	r, err := web.WatchAsker(ctx, w.index, m, a.asker, now)
	if err != nil || !r.Alarm {
		return false, err
	}
	w.log.WarnContext(ctx, "calls of a model look like extraction", slog.String("model", string(a.model)), slog.String("asker", string(a.asker)),
		slog.Int("calls", r.Calls), slog.Int("subjects", r.Subjects), slog.Int("repeated", r.Repeated), slog.Any("reasons", r.Reasons))
	return true, nil
}
