package node

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"manx/ledger"
	"manx/ledger/receipt"
	"manx/ml/pool"
	"manx/privacy/notice"
	"manx/storage"
	"manx/web/index"
)

// A clerk does what an embedded network's organisations do: it tells the time,
// admits parties, gives test MAN, signs checkpoints and sends the closing steps
// that contracts cannot send themselves. It is safe for concurrent use.
type clerk struct {
	genesis ledger.Genesis
	orgs    []organisation
	ledger  ledger.Ledger
	index   *index.Index
	queue   *pool.Queue
	log     *slog.Logger
	stores  []storage.Blobs
	judge   func(ctx context.Context, id ledger.JobID) (ledger.Hash, error) // runs a disputed job again
	mark    mark
	chance  chance

	till sync.Mutex // one faucet payment at a time, so that none spends another's coin
}

const (
	tickEvery   = 10 * time.Second
	treasury    = 10_000_000 // MAN issued when the network is founded
	faucetGives = 100        // MAN a party gets, once
)

// exchange is the organisation that keeps the treasury and earns the fees.
func (k *clerk) exchange() organisation {
	for _, o := range k.orgs {
		if o.Serves == ledger.Common {
			return o
		}
	}
	return k.orgs[0]
}

// tick tells the ledger the time, once from every organisation.
func (k *clerk) tick(ctx context.Context) error {
	now := ledger.Time(time.Now().Unix())
	for _, o := range k.orgs {
		c, err := ledger.NewCommand(k.genesis.ID(), o, now+600, ledger.Tick{Time: now})
		if err != nil {
			return err
		}
		if _, err := k.ledger.Submit(ctx, c); err != nil && !notice.Is(err, notice.Conflict) {
			return fmt.Errorf("tick: %w", err)
		}
	}
	return nil
}

func (k *clerk) now(ctx context.Context) (ledger.Time, error) {
	b, err := k.ledger.Read(ctx, ledger.NowKey)
	if err != nil {
		return 0, fmt.Errorf("contract time: %w", err)
	}
	var c ledger.Clock
	err = json.Unmarshal(b, &c)
	return c.Now, err
}

// issue fills the treasury when the network is founded. The command's id is
// fixed, so it happens once however often a node starts.
func (k *clerk) issue(ctx context.Context) error {
	if _, err := k.ledger.Read(ctx, ledger.SupplyKey); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read supply: %w", err)
	}
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	to := k.exchange().ID
	c, err := sign(ctx, k.genesis, k.orgs, now, idOf("treasury", string(k.genesis.ID())),
		ledger.IssueCoins{Out: []ledger.Output{{To: to, Amount: ledger.MAN(treasury)}}, Reason: "founding of an embedded network: test MAN for its faucet"})
	if err != nil {
		return err
	}
	_, err = k.ledger.Submit(ctx, c)
	return err
}

func idOf(parts ...string) (id ledger.CommandID) {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	copy(id[:], h.Sum(nil))
	return id
}

// Admit implements web.Clerk. An embedded network admits everybody who asks: it
// is for trying the exchange out.
func (k *clerk) Admit(_ context.Context, c ledger.Command) (ledger.Command, error) {
	var b ledger.RegisterParty
	if c.Name != b.Command() || ledger.Decode(c.Body, &b) != nil || b.Check() != nil || !c.SignedBy(b.Key) {
		return c, notice.New(notice.Invalid, "only a well-formed registration, signed by its own key, can be admitted", "use `manx keys new`")
	}
	for _, o := range k.orgs {
		if o.Serves == b.Vertical {
			c.Cosign(o)
			return c, nil
		}
	}
	return c, notice.New(notice.Denied, "no organisation of this network admits that role", "")
}

// Give implements web.Clerk.
func (k *clerk) Give(ctx context.Context, to ledger.PartyID) (ledger.Amount, error) {
	amount := ledger.MAN(faucetGives)
	id := idOf("faucet", string(to))
	for try := 0; ; try++ {
		err := k.pay(ctx, id, to, amount)
		if !errors.Is(err, errNotYet) || try == 50 {
			return amount, err
		}
		select { // the index is about to show the treasury's newest coin
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return amount, ctx.Err()
		}
	}
}

var errNotYet = errors.New("no coin of the treasury can be spent yet")

func (k *clerk) pay(ctx context.Context, id ledger.CommandID, to ledger.PartyID, amount ledger.Amount) error {
	k.till.Lock()
	defer k.till.Unlock()
	given := notice.New(notice.Conflict, "this party has had its test MAN", "`manx wallet balance` shows it")
	from := k.exchange()
	if _, err := k.ledger.Read(ctx, ledger.KeyOf(ledger.NewCoinID(id, 0))); err == nil {
		return given
	}
	c, now, err := k.purse(ctx, amount)
	if err != nil {
		return err
	}
	out := []ledger.Output{{To: to, Amount: amount}}
	if change, err := c.Amount.Sub(amount); err == nil && !change.IsZero() {
		out = append(out, ledger.Output{To: from.ID, Amount: change})
	}
	cmd, err := ledger.NewCommandWithID(k.genesis.ID(), id, from, now+600, ledger.SendCoins{In: []ledger.CoinID{c.ID}, Out: out})
	if err != nil {
		return err
	}
	if _, err := k.ledger.Submit(ctx, cmd); notice.Is(err, notice.Conflict) {
		return given // the id is used: the coin was given and spent since
	} else if err != nil {
		return err
	}
	return nil
}

// purse returns a coin of the exchange's that covers an amount, and the time. Who
// spends it holds the till.
func (k *clerk) purse(ctx context.Context, amount ledger.Amount) (c ledger.Coin, now ledger.Time, err error) {
	if now, err = k.now(ctx); err != nil {
		return c, now, err
	}
	from := k.exchange().ID
	rows, _, err := k.index.List(ctx, from, "coin", 0, 200)
	if err != nil {
		return c, now, err
	}
	for _, row := range rows {
		if err := json.Unmarshal(row, &c); err != nil {
			return c, now, fmt.Errorf("coin: %w", err)
		}
		if c.Owner != from || c.Amount.Cmp(amount) < 0 {
			continue
		}
		if _, err := k.ledger.Read(ctx, ledger.KeyOf(c.ID)); err == nil {
			return c, now, nil
		} // else it is spent, and the index does not know yet
	}
	return c, now, errNotYet
}

// Receipt implements web.Clerk. A receipt that no checkpoint covers yet gets
// one.
func (k *clerk) Receipt(ctx context.Context, j ledger.JobID) ([]byte, error) {
	b, err := receipt.Prove(ctx, k.ledger, k.genesis, j)
	if errors.Is(err, fs.ErrNotExist) {
		if _, rerr := k.ledger.Read(ctx, ledger.ReceiptKey(j)); rerr != nil {
			return nil, notice.Because(rerr, notice.NotFound, "this job has no receipt yet", "`manx job show "+string(j)+"` says where it stands")
		}
		if err := k.checkpoint(ctx); err != nil {
			return nil, err
		}
		b, err = receipt.Prove(ctx, k.ledger, k.genesis, j)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(b)
}

// Ticket implements web.Clerk.
func (k *clerk) Ticket(ctx context.Context, worker ledger.PartyID) (string, error) {
	return k.queue.Admit(ctx, worker)
}

// checkpoint signs the tree of receipts as it stands.
func (k *clerk) checkpoint(ctx context.Context) error {
	head, err := receipt.Head(ctx, k.ledger)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	c, err := sign(ctx, k.genesis, k.orgs, now, ledger.NewCommandID(), head)
	if err != nil {
		return err
	}
	_, err = k.ledger.Submit(ctx, c)
	if notice.Is(err, notice.Conflict) {
		return nil // a newer one was signed meanwhile
	}
	return err
}

// run tells the time and keeps jobs moving until ctx ends.
func (k *clerk) run(ctx context.Context) error {
	news := make(chan told, 64)
	followed := make(chan error, 1)
	go func() { followed <- k.follow(ctx, news) }()
	beat := time.NewTicker(tickEvery)
	defer beat.Stop()
	open, since, last := map[ledger.JobID]ledger.Job{}, map[ledger.JobID]ledger.Height{}, ledger.Height(0)
	disputed := map[ledger.JobID]ledger.Job{}
	// Running a job again takes its time, so it is done beside the other duties,
	// one job at a time; one that failed is tried again with a later beat.
	var judging sync.WaitGroup
	defer judging.Wait()
	busy, judged := false, make(chan ledger.JobID, 1) // "" when it failed
	ended := false                                    // a job has, since the latest checkpoint
	judge := func() {
		for _, j := range disputed {
			if busy {
				return
			}
			busy = true
			judging.Go(func() {
				done := ledger.JobID("")
				k.try(ctx, "judge", func(ctx context.Context) error {
					err := k.settleDispute(ctx, j)
					if err == nil {
						done = j.ID
					}
					return err
				})
				judged <- done
			})
		}
	}
	for {
		select {
		case err := <-followed:
			return err
		case n := <-news:
			j := n.job
			if last = n.height; j.ID == "" {
				continue
			}
			if _, known := since[j.ID]; !known {
				since[j.ID] = n.height
			}
			if delete(disputed, j.ID); j.Stage == ledger.Disputed {
				disputed[j.ID] = j
			}
			if open[j.ID] = j; j.Stage.Over() {
				delete(open, j.ID)
				delete(since, j.ID)
				ended = true
			}
			if ended && len(news) == 0 { // one for all that have ended together
				ended = false
				k.try(ctx, "checkpoint", k.checkpoint)
			}
			if j.Stage == ledger.Revealed {
				k.try(ctx, "prove", func(ctx context.Context) error { return k.find(ctx, j) })
			}
			judge()
		case id := <-judged:
			busy = false
			delete(disputed, id)
			if delete(open, id); id != "" {
				judge() // the next one
			}
		case <-beat.C:
			k.try(ctx, "tick", k.tick)
			if ended {
				ended = false
				k.try(ctx, "checkpoint", k.checkpoint)
			}
			k.try(ctx, "prove", func(ctx context.Context) error { return k.prove(ctx, open) })
			k.try(ctx, "close", func(ctx context.Context) error { return k.close(ctx, open) })
			judge()
			oldest := last // a restart reads again from where the oldest open job began
			for _, h := range since {
				oldest = min(oldest, h)
			}
			k.try(ctx, "mark", func(context.Context) error { return k.mark.keep(oldest) })
		}
	}
}

// try runs one duty; a failure is for the operator's log, and is tried again
// with the next occasion.
func (k *clerk) try(ctx context.Context, duty string, f func(context.Context) error) {
	if err := f(ctx); err != nil && ctx.Err() == nil {
		k.log.ErrorContext(ctx, "organisations' duty failed", slog.String("duty", duty), slog.Any("error", err))
	}
}

// told is a job that changed, or with no id only how far the ledger was read.
type told struct {
	height ledger.Height
	job    ledger.Job
}

// follow passes on every job that changes, from the mark on.
func (k *clerk) follow(ctx context.Context, news chan<- told) error {
	from, err := k.mark.read()
	if err != nil {
		return err
	}
	for e, err := range k.ledger.Events(ctx, from) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("clerk: %w", err)
		}
		n := told{height: e.Height}
		if strings.Contains(string(e.Key), "/job/") && strings.Count(string(e.Key), "/") == 2 && e.Body != nil {
			if err := json.Unmarshal(e.Body, &n.job); err != nil {
				return fmt.Errorf("job on the ledger: %w", err)
			}
		} else if e.Name != ledger.TimeTicked {
			continue
		}
		select {
		case news <- n:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// close sends the closing step of every job whose present wait has ended: of many jobs by
// one command, where nothing but their fees moves.
func (k *clerk) close(ctx context.Context, open map[ledger.JobID]ledger.Job) error {
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	var steps []ledger.Body
	many := map[ledger.Vertical][]ledger.JobID{}
	for id, j := range open {
		switch {
		case j.Due >= now:
		case j.Proving != nil:
			steps = append(steps, ledger.CloseJob{Job: id})
		default:
			v := ledger.VerticalOf(id)
			many[v] = append(many[v], id)
		}
	}
	for _, ids := range many {
		for some := range slices.Chunk(ids, ledger.MaxSteps) {
			steps = append(steps, ledger.SettleJobs{Close: some})
		}
	}
	var errs []error
	for _, b := range steps {
		c, err := ledger.NewCommand(k.genesis.ID(), k.exchange(), now+600, b)
		if err == nil {
			_, err = k.ledger.Submit(ctx, c)
		}
		if err != nil && !notice.Is(err, notice.Conflict) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// settleDispute runs a disputed job again and signs the verdict.
func (k *clerk) settleDispute(ctx context.Context, j ledger.Job) error {
	hash, err := k.judge(ctx, j.ID)
	if err != nil {
		return err
	}
	verdict := ledger.JudgeJob{Job: j.ID, Right: hash == j.Hash}
	if j.Proving != nil {
		verdict.Hash = hash
	}
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	// Two doubts may be of one moment of the contract's time; the second comes after a verdict.
	c, err := sign(ctx, k.genesis, k.orgs, now, idOf("judge", string(j.ID), fmt.Sprint(j.At[ledger.Disputed], j.At[ledger.Done])), verdict)
	if err != nil {
		return err
	}
	if _, err = k.ledger.Submit(ctx, c); notice.Is(err, notice.Conflict) {
		return nil // it has ended meanwhile
	}
	return err
}
