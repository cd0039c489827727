package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"manx/cmd/manx-wasm/desk"
	"manx/health"
	"manx/health/deid"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/gateway"
	"manx/web/owner/training"
	"manx/web/owner/training/house"
	"manx/web/owner/training/policy"
)

// An edge is what runs inside a hospital's walls: the gateway to its PACS, the node
// that trains with others, and the page that shows both.
type edge struct {
	party    *owner.Party
	gateway  *gateway.Gateway
	hospital *training.Hospital
	log      *lines

	address, token string
	server         *http.Server
}

const (
	gatewayFolder = "gateway"
	edgeFile      = "edge.json" // where the running edge is reached, and with what token
)

// newEdge listens at a loopback address. It works from run on.
func newEdge(ctx context.Context, p *owner.Party, listen string, patience time.Duration) (*edge, error) {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, notice.New(notice.Invalid, "the edge listens on a loopback address only", "use --listen 127.0.0.1:0; a PACS on another machine reaches it through a tunnel of the hospital's own")
	}
	e := &edge{party: p, log: &lines{}}
	log := slog.New(slog.NewTextHandler(e.log, nil))
	e.gateway = &gateway.Gateway{Party: p, Dir: filepath.Join(p.Home.Dir, gatewayFolder), Log: log}
	e.hospital = &training.Hospital{Party: p, Dir: filepath.Join(p.Home.Dir, hospitalFolder), Patience: patience, Log: log}
	if _, err := policy.Read(house.Folder(e.hospital.Dir)); err != nil {
		return nil, err
	}
	if err := e.gateway.Open(); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, notice.Because(err, notice.Conflict, "the edge cannot listen on "+listen, "choose another address with --listen, or 127.0.0.1:0 for any free port")
	}
	token := make([]byte, 16)
	_, _ = rand.Read(token)
	e.address, e.token = "http://"+l.Addr().String(), hex.EncodeToString(token)
	d, err := e.desk()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+gateway.Path, e.gateway)
	mux.Handle("POST "+gateway.Path+"/{study}", e.gateway)
	addPage(mux, d, e.token)
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = e.server.Serve(l) }() // it ends with run
	text, err := json.Marshal(control{Address: e.address, Token: e.token, PID: os.Getpid()})
	if err == nil {
		err = durable.WriteFile(filepath.Join(p.Home.Dir, edgeFile), text)
	}
	if err != nil {
		return nil, errors.Join(err, e.server.Close())
	}
	return e, nil
}

// page is the address by which the edge's page opens.
func (e *edge) page() string { return pageAt(e.address, e.token) }

// run works until ctx ends.
func (e *edge) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.gateway.Run(ctx) })
	group.Go(func() error { return e.hospital.Run(ctx) })
	err := group.Wait()
	return errors.Join(err, e.server.Close(), os.Remove(filepath.Join(e.party.Home.Dir, edgeFile)))
}

// A gate is how the gateway stands.
type gate struct {
	PACS    string         `json:"pacs"`   // where a PACS stores to (STOW-RS)
	Folder  string         `json:"folder"` // that is watched
	Profile string         `json:"profile"`
	Options deid.Options   `json:"options"`
	Heard   int64          `json:"heard"` // when a PACS sent something last, 0 never
	Node    string         `json:"node"`
	Reached string         `json:"reached"` // why the node does not answer, "" where it does
	Hint    string         `json:"hint"`    // what to do about it
	Items   []gateway.Item `json:"items"`
	Held    int            `json:"held"`
	Log     []string       `json:"log"`
	Process int            `json:"pid"`
}

func (e *edge) stands(ctx context.Context, _ struct{}) (any, error) {
	g := gate{PACS: e.address + gateway.Path, Folder: filepath.Join(e.gateway.Dir, "in"), Profile: deid.Version, Options: e.gateway.Options, Heard: e.gateway.Heard(),
		Node: e.party.Home.Network.Address, Items: listOf(e.gateway.Items()), Held: len(e.gateway.Waiting()), Log: e.log.last(), Process: os.Getpid()}
	short, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	if _, err := e.party.Info(short); err != nil {
		n := notice.From(err)
		g.Reached, g.Hint = n.Text, n.Hint
	}
	return g, nil
}

// desk is the edge's desk: what any party of a hospital asks, and what is inside its
// walls.
func (e *edge) desk() (*desk.Desk, error) {
	type held struct {
		Record ledger.RecordID `json:"record"`
		File   string          `json:"file"`
	}
	type order struct {
		Training ledger.TrainingID `json:"training"`
		Table    string            `json:"table,omitempty"`
		Export   bool              `json:"export,omitempty"`
	}
	do := func(what string) desk.Call {
		return desk.CallOf(func(ctx context.Context, a order) (any, error) {
			return e.hospital.Do(ctx, training.Order{What: what, Training: a.Training, Table: a.Table, Lets: policy.Lets{Export: a.Export}})
		})
	}
	return desk.At(e.party, "hospital", map[string]desk.Call{
		"edge": desk.CallOf(e.stands),
		"edge.retry": desk.CallOf(func(_ context.Context, a struct {
			ID string `json:"id"`
		}) (any, error) {
			return struct{}{}, e.gateway.Retry(a.ID)
		}),
		"edge.try": desk.CallOf(func(ctx context.Context, _ struct{}) (any, error) {
			took, err := gateway.Try(ctx, e.address)
			return map[string]float64{"seconds": took.Seconds()}, err
		}),
		"edge.held": desk.CallOf(func(context.Context, struct{}) (any, error) { return e.gateway.Waiting(), nil }),
		"edge.picture": desk.CallOf(func(ctx context.Context, a held) (any, error) {
			var b []byte
			err := e.gateway.Look(ctx, a.Record, a.File, func(in *health.Instance) (err error) {
				b, err = desk.Draw(in, health.Window{})
				return err
			})
			return map[string][]byte{"png": b}, err
		}),
		"edge.release": desk.CallOf(func(ctx context.Context, a held) (any, error) {
			return struct{}{}, e.gateway.Release(ctx, a.Record, a.File)
		}),
		"edge.lookup": desk.CallOf(func(_ context.Context, a struct {
			Text string `json:"text"`
		}) (any, error) {
			return e.gateway.LookUp(a.Text), nil
		}),
		"train.tables":  desk.CallOf(e.tables),
		"train.status":  do("status"),
		"train.join":    do("join"),
		"train.decline": do("decline"),
		"train.assent":  do("assent"),
		"train.stop":    do("stop"),
	})
}

// tables lists the files that can take part in a training, and the site's policy.
func (e *edge) tables(context.Context, struct{}) (any, error) {
	names := []string{}
	all, err := os.ReadDir(filepath.Join(e.hospital.Dir, "tables"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tables: %w", err)
	}
	for _, f := range all {
		if !f.IsDir() {
			names = append(names, f.Name())
		}
	}
	own, err := policy.Read(house.Folder(e.hospital.Dir))
	return map[string]any{"tables": names, "folder": filepath.Join(e.hospital.Dir, "tables"), "rules": listOf(own.Trainings)}, err
}

func edgeCommand(t *terminal) *cobra.Command {
	var listen string
	var patience time.Duration
	c := &cobra.Command{Use: "edge", Short: "A hospital's gateway and its node, with a page for its technician, until stopped", Args: cobra.NoArgs,
		Long: "Take studies from the PACS (DICOMweb STOW-RS on a loopback address) or from the folder gateway/in of the data folder,\nseal and upload them, and make a de-identified copy of each; files that may show text wait for a person's look. Take\npart in trainings as `manx hospital` does. The page, at the address that is printed, shows all of it; who has the\naddress has the gateway. What tells patients from pseudonyms stays in the folder, sealed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				me, err := owner.Get[ledger.Party](ctx, p.Client, p.ID())
				if err != nil {
					return err
				}
				if me.Role != ledger.Hospital {
					return notice.New(notice.Denied, "only a hospital has a gateway", "register as one, in a folder of its own: `manx keys new --role hospital --name NAME`")
				}
				e, err := newEdge(ctx, p, listen, patience)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "page": e.page(), "pacs": e.address + gateway.Path, "hospital": p.ID()}, func(w io.Writer) {
					fmt.Fprintf(w, "hospital\t%s\t%s\npacs\t%s\npage\t%s\n", me.Name, p.ID(), e.address+gateway.Path, e.page())
				})
				return e.run(ctx)
			})
		}}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "loopback address; port 0 takes a free one")
	c.Flags().DurationVar(&patience, "patience", 30*time.Second, "how long the other hospitals are waited for in a step of a round")
	c.AddCommand(&cobra.Command{Use: "page", Short: "Print the address of the running edge's page", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := t.dir()
			if err != nil {
				return err
			}
			var at control
			text, err := os.ReadFile(filepath.Join(dir, edgeFile))
			if err == nil {
				err = json.Unmarshal(text, &at)
			}
			if err != nil {
				return notice.New(notice.NotFound, "no edge runs from this folder", "start it with `manx edge`, or name another folder with --data")
			}
			page := pageAt(at.Address, at.Token)
			t.say(map[string]any{"ok": true, "page": page}, func(w io.Writer) { fmt.Fprintln(w, page) })
			return nil
		}})
	return c
}
