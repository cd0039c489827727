package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"manx/cmd/node"
	"manx/ledger"
	"manx/ml/pool"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc/hub"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/storage/durable"
	"manx/storage/wraps"
	"manx/web/owner"
	"manx/web/owner/holder"
	"manx/web/owner/score"
)

func partyCommand(t *terminal) *cobra.Command {
	var organisation, listen, hubAt string
	c := &cobra.Command{Use: "party", Short: "Hold shares for an organisation, and compute on them with two others"}
	run := &cobra.Command{Use: "run", Short: "Take part in computations on shares until stopped", Args: cobra.NoArgs,
		Long: `Hold shares for an organisation and compute on them with the holders of two others, until stopped. One of the
three alone learns nothing; any two together could learn every input. The folder keeps keys, shares and journals of
its own. Where it listens is written to seat.json there: the organisation signs that, and a node that ` + "`manx up`" + `
started does so for its own three.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			org, err := partyNamed(organisation)
			if err != nil {
				return err
			}
			err = t.asParty(cmd.Context(), ledger.Holder, "holder of shares", func(ctx context.Context, p *owner.Party) error {
				return t.hold(ctx, p, org, listen, hubAt)
			})
			if cmd.Context().Err() != nil {
				return nil //nolint:nilerr // stopped as asked, perhaps while it was starting
			}
			return err
		}}
	run.Flags().StringVar(&organisation, "organisation", "", "PartyID of the organisation (`manx party status` lists them)")
	run.Flags().StringVar(&listen, "listen", "", "address for the other two (default: the last one, or a free loopback port)")
	run.Flags().StringVar(&hubAt, "hub", "", "meet the other two at a hub, and only dial out: its host:port")
	run.MarkFlagsMutuallyExclusive("listen", "hub")
	_ = run.MarkFlagRequired("organisation")
	status := &cobra.Command{Use: "status", Short: "Who computes on shares for each organisation, whether it answers, and who holds a key together", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.seats(cmd.Context()) }}
	c.AddCommand(run, status, partyHub(t))
	return c
}

func partyHub(t *terminal) *cobra.Command {
	var listen string
	c := &cobra.Command{Use: "hub", Short: "Route between holders that cannot reach one another, until stopped", Args: cobra.NoArgs,
		Long: "Join the streams of holders that only dial out (`manx party run --hub`). A hub computes nothing and reads nothing: their\nTLS passes through it. It learns who meets whom, when, and how many bytes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", listen)
			if err != nil {
				return notice.Because(err, notice.Conflict, "the hub cannot listen there", "choose another address with --listen")
			}
			t.say(map[string]any{"ok": true, "address": l.Addr().String()}, func(w io.Writer) { fmt.Fprintf(w, "hub\t%s\n", l.Addr()) })
			return new(hub.Hub).Serve(cmd.Context(), l)
		}}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address that the holders dial")
	return c
}

// A wiring is a holder's end of the wires, wherever the others find it.
type wiring interface {
	holder.Wire
	io.Closer
	Address() string
}

// hold runs a holder in this folder.
func (t *terminal) hold(ctx context.Context, p *owner.Party, org ledger.PartyID, listen, hubAt string) (err error) {
	if _, ok := p.Home.Network.Genesis.Organisation(org); !ok {
		return notice.New(notice.NotFound, "the network has no such organisation", "`manx party status` lists them")
	}
	key, err := wireKey(p)
	if err != nil {
		return err
	}
	var wire wiring = holder.Through(hubAt, key)
	if hubAt == "" {
		if wire, err = t.listen(ctx, listen, key); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, wire.Close()) }()
	as, err := memberKey(p)
	if err != nil {
		return err
	}
	me := as.Seat(string(org))
	seat := ledger.TakeSeat{Holder: p.ID(), Address: wire.Address(), Key: key.Public().(ed25519.PublicKey), Signing: me.Signing, Sealing: me.Sealing.String()}
	b, err := json.Marshal(seat)
	if err != nil {
		return fmt.Errorf("encode seat: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(p.Home.Dir, node.SeatFile), append(b, '\n')); err != nil {
		return err
	}
	store, err := wraps.NewFolder(filepath.Join(p.Home.Dir, "shares"))
	if err != nil {
		return err
	}
	h := &holder.Holder{Party: p, Organisation: org, Wire: wire, Identity: as, Engine: score.NewEngine(p), Store: store,
		Journals: filepath.Join(p.Home.Dir, "journals"), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	ctx, stop := context.WithCancel(ctx)
	var announcing sync.WaitGroup
	defer announcing.Wait()
	defer stop()
	announcing.Go(func() { announce(ctx, p, org, h.Log) })
	return h.Run(ctx)
}

// announce says to the queue that a holder is there: as a party to computations on shares,
// and of the committee while it is in it.
func announce(ctx context.Context, p *owner.Party, org ledger.PartyID, log *slog.Logger) {
	committee, looked := false, time.Time{}
	classes := func(ctx context.Context) []pool.Class {
		if time.Since(looked) > 10*time.Second {
			c, err := p.CommitteeNow(ctx)
			committee, looked = err == nil && slices.Contains(c.Organisations, org), time.Now()
		}
		if committee {
			return []pool.Class{pool.Party, pool.Committee}
		}
		return []pool.Class{pool.Party}
	}
	for ctx.Err() == nil {
		renew := func(ctx context.Context) (pool.Ticket, error) { return ticketOf(ctx, p) }
		t, err := renew(ctx)
		if err == nil {
			err = pool.Announce(ctx, t, renew, p.Signer(), classes, log)
		}
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "the holder does not reach the queue", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
		}
	}
}

// wireKey returns the key of the holder's certificate, made once.
func wireKey(p *owner.Party) (ed25519.PrivateKey, error) {
	const name = "wire"
	if kept, ok := p.Keys.Kept(name); ok {
		if seed := kept.Reveal(reveal.Token{}); len(seed) == ed25519.SeedSize {
			return ed25519.NewKeyFromSeed(seed), nil
		}
	}
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed)
	return ed25519.NewKeyFromSeed(seed), p.Keys.Keep(name, seed)
}

// memberKey returns what the holder is in committees, made once.
func memberKey(p *owner.Party) (committee.Identity, error) {
	const name = "member"
	if kept, ok := p.Keys.Kept(name); ok {
		return committee.ReadIdentity(kept)
	}
	as, err := committee.NewIdentity()
	if err != nil {
		return as, err
	}
	return as, p.Keys.Keep(name, as.Keep().Reveal(reveal.Token{}))
}

// listen opens the holder's switchboard where it was last, unless it is told
// where.
func (t *terminal) listen(ctx context.Context, address string, key ed25519.PrivateKey) (*holder.Switchboard, error) {
	dir, err := t.dir()
	if err != nil {
		return nil, err
	}
	const free = "127.0.0.1:0"
	last := free
	if b, err := os.ReadFile(filepath.Join(dir, node.SeatFile)); err == nil {
		var was ledger.TakeSeat
		if err := json.Unmarshal(b, &was); err == nil && was.Check() == nil {
			if _, met := holder.HubOf(was.Address); !met {
				last = was.Address
			}
		}
	}
	if address != "" {
		last = address
	}
	s, err := holder.Listen(ctx, last, key)
	if err != nil && address == "" {
		s, err = holder.Listen(ctx, free, key)
	}
	if err != nil {
		return nil, notice.Because(err, notice.Conflict, "the holder cannot listen on "+last, "choose another address with --listen")
	}
	return s, nil
}

// A seatRow is what `manx party status` says of an organisation.
type seatRow struct {
	Organisation ledger.PartyID `json:"organisation"`
	Name         string         `json:"name"`
	Holder       ledger.PartyID `json:"holder,omitempty"`
	Address      string         `json:"address,omitempty"`
	Answers      bool           `json:"answers"`
}

// seats lists the organisations' seats. It needs no keys.
func (t *terminal) seats(ctx context.Context) error {
	dir, err := t.dir()
	if err != nil {
		return err
	}
	address := t.address()
	if address == "" {
		if address, err = owner.PinnedAddress(dir); err != nil {
			return err
		}
	}
	info, err := owner.Pin(ctx, address)
	if err != nil {
		return err
	}
	c := owner.NewClient(address, info.Genesis.ID(), nil)
	defer c.Close()
	rows := []seatRow{}
	for _, o := range info.Genesis.Organisations {
		row := seatRow{Organisation: o.ID, Name: o.Name}
		s, err := c.Seat(ctx, info.Genesis, o.ID)
		if err != nil && !notice.Is(err, notice.Unavailable) {
			return err
		}
		if err == nil {
			row.Holder, row.Address, row.Answers = s.Holder, s.Address, answers(ctx, s.Address)
		}
		rows = append(rows, row)
	}
	holds, err := c.CommitteeNow(ctx)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	said := map[string]any{"ok": true, "seats": rows}
	if err == nil {
		said["committee"] = holds
	}
	t.say(said, func(w io.Writer) {
		for _, r := range rows {
			switch {
			case r.Holder == "":
				fmt.Fprintf(w, "%s\t%s\tnobody computes on shares for it\n", r.Name, r.Organisation)
			case r.Answers:
				fmt.Fprintf(w, "%s\t%s\t%s\tat %s\n", r.Name, r.Organisation, r.Holder, r.Address)
			default:
				fmt.Fprintf(w, "%s\t%s\t%s\tdoes not answer at %s\n", r.Name, r.Organisation, r.Holder, r.Address)
			}
		}
		if err != nil {
			fmt.Fprintln(w, "committee\tnone: they make a key together when a model has a plan for one")
			return
		}
		var names []string
		for _, o := range holds.Organisations {
			g, _ := info.Genesis.Organisation(o)
			names = append(names, g.Name)
		}
		fmt.Fprintf(w, "committee\t%s\t%d of %s open together\tkey %s, since %s\n", holds.ID, holds.Need, strings.Join(names, ", "), holds.Key.String()[:16], when(holds.Ready))
	})
	return nil
}

// answers reports whether a holder listens, or the hub where it is met.
func answers(ctx context.Context, address string) bool {
	if at, met := holder.HubOf(address); met {
		address = at
	}
	c, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", address)
	return err == nil && c.Close() == nil
}
