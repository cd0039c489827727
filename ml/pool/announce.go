package pool

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"manx/ledger"
)

// Announce tells a queue that somebody serves classes whose jobs no worker's line
// carries, such as a holder of shares, until ctx ends. now is asked before each word, so
// that classes may come and go. A queue that does not answer is waited for.
func Announce(ctx context.Context, t Ticket, renew func(context.Context) (Ticket, error), by ledger.Signer, now func(context.Context) []Class, log *slog.Logger) error {
	w := &Worker{Ticket: t, Renew: renew, Signer: by, Log: log}
	return w.reach(ctx, nats.ReconnectWait(time.Second), func(ctx context.Context, conn *nats.Conn) error {
		say := func(a Advert) {
			b, err := json.Marshal(a)
			if err == nil {
				err = conn.Publish(advertSubject(string(a.Worker)), b)
			}
			if err != nil {
				log.DebugContext(ctx, "a word to the queue was lost", "err", err)
			}
		}
		for ctx.Err() == nil {
			a := Advert{Worker: by.Party(), Rates: map[Class]float64{}, Slots: 1}
			for _, c := range now(ctx) {
				a.Rates[c] = 1
			}
			say(a)
			pause(ctx, time.Second)
		}
		say(Advert{Worker: by.Party(), Rates: map[Class]float64{}, Slots: 1, Leaving: true})
		_ = conn.FlushTimeout(time.Second) // whom it does not reach misses the next word
		return nil
	})
}
