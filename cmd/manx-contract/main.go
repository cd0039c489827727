// Command manx-contract runs the exchange's contract beside a Fabric peer, as an
// external chaincode: the peer of one organisation connects to it over TLS, both
// sides showing certificates. It keeps no state and no key but that of its
// certificate. SIGTERM ends it after what it is working on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/fabric/chaincode"
	"manx/privacy/notice"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		n, ok := errors.AsType[*notice.Error](err)
		if !ok {
			n = notice.New(notice.Internal, err.Error(), "")
		}
		_, _ = fmt.Fprintln(os.Stderr, "error:", n.Text)
		if n.Hint != "" {
			_, _ = fmt.Fprintln(os.Stderr, "hint:", n.Hint)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	var s chaincode.Server
	f := flag.NewFlagSet("manx-contract", flag.ContinueOnError)
	f.SetOutput(log)
	genesis := f.String("genesis", "", "`file` of the network's genesis")
	f.StringVar(&s.Listen, "listen", "127.0.0.1:9999", "`host:port` where the peer finds the contract")
	f.StringVar(&s.ID, "id", "", "`package id` that the peer installed")
	f.StringVar(&s.Cert, "cert", "", "PEM `file` of this process's certificate")
	f.StringVar(&s.Key, "key", "", "PEM `file` of its key")
	f.StringVar(&s.ClientCA, "client-ca", "", "PEM `file` of the authority of the peer's certificate")
	if err := f.Parse(args); err != nil {
		return err
	}
	g, err := readGenesis(*genesis)
	if err != nil {
		return err
	}
	l := slog.New(slog.NewTextHandler(log, nil))
	return s.Serve(ctx, chaincode.New(contract.New(g), nil), func(at net.Addr) {
		l.InfoContext(ctx, "contract serves", "network", string(g.ID()), "listen", at.String())
	})
}

// maxGenesis bounds the file; a genesis of 16 organisations has some kilobytes.
const maxGenesis = 1 << 20

func readGenesis(path string) (g ledger.Genesis, err error) {
	f, err := os.Open(path)
	if err != nil {
		return g, notice.Because(err, notice.Invalid, "the genesis cannot be read", "name its file: `manx-contract --genesis FILE`")
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxGenesis))
	if err == nil {
		err = errors.Join(ledger.Decode(b, &g), g.Check())
	}
	if err != nil {
		return g, notice.Because(err, notice.Invalid, "the genesis is not one", "copy it from a node of the network: genesis.json in its ledger's folder")
	}
	return g, nil
}
