// Package house is what a hospital's node has in each of its rooms, which are the
// packages beside: who it is on the ledger, its folder, how long it waits for others, and
// who is told how things go. It knows no training's terms.
package house

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// A House is one hospital's, or that of a scientist who only coordinates.
type House struct {
	Party    *owner.Party
	Folder   Folder
	Log      *slog.Logger
	Launcher []string      // this binary, and how it is asked to shut a program in (sandbox.Enter); none: no trainer of the site's own
	Patience time.Duration // for the others, in a step of a round
	Every    time.Duration // how often the ledger is asked
	Watch    func(Progress)

	mu   sync.Mutex // guards what follows
	said map[string]string
}

// Progress is what a hospital's node tells whoever watches it. Problem is nil while
// all goes well.
type Progress struct {
	Training ledger.TrainingID `json:"training"`
	Round    int               `json:"round,omitempty"`
	Rounds   int               `json:"rounds,omitempty"`
	What     string            `json:"what"`
	Problem  *notice.Error     `json:"problem,omitempty"`
}

// Show tells whoever watches.
func (h *House) Show(p Progress) {
	if h.Watch != nil {
		h.Watch(p)
	}
}

// Tell tells of what went wrong in a work, once: it is tried again anyway. A nil err
// is that it goes well again.
func (h *House) Tell(ctx context.Context, work string, id ledger.TrainingID, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	h.mu.Lock()
	if h.said == nil {
		h.said = map[string]string{}
	}
	same := h.said[work] == text
	h.said[work] = text
	h.mu.Unlock()
	if err == nil || same {
		return
	}
	n := notice.From(err)
	h.Log.WarnContext(ctx, "a training waits", "training", id, "err", err)
	h.Show(Progress{Training: id, What: n.Text, Problem: n})
}

// Pause waits, or returns false when ctx ends.
func Pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
