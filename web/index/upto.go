package index

import (
	"context"
	"iter"

	"manx/ledger"
)

// to is a ledger as it stood at a height: its events end there.
type to struct {
	ledger.Ledger
	until ledger.Height
}

// Events implements ledger.Ledger.
func (t to) Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		if from > t.until {
			return
		}
		for e, err := range t.Ledger.Events(ctx, from) {
			if err == nil && e.Height > t.until || !yield(e, err) || err == nil && e.Last && e.Height >= t.until {
				return
			}
		}
	}
}
