// Command contract is manx-contract for tests: with the function beside it that
// the ledger's benchmark compares with, and a clock that can be made wrong. It
// takes the same flags.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/fabric/bare"
	"manx/ledger/fabric/chaincode"
)

// clocks is a folder of files that say how far an organisation's clock is ahead,
// as time.ParseDuration reads it, each named like its organisation; "" is none:
// go build -ldflags "-X main.clocks=DIR".
var clocks = "" //nolint:gochecknoglobals // the linker sets it

// now is the clock of the organisation that a certificate is of; of its file
// nothing is kept, so that the clock can jump.
func now(cert string) time.Time {
	organisation := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(cert)))) // above contract/tls
	b, _ := os.ReadFile(filepath.Join(clocks, organisation))
	off, _ := time.ParseDuration(string(b))
	return time.Now().Add(off)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(ctx context.Context) error {
	var s chaincode.Server
	genesis := flag.String("genesis", "", "genesis `file`")
	flag.StringVar(&s.Listen, "listen", "", "`host:port`")
	flag.StringVar(&s.ID, "id", "", "`package id`")
	flag.StringVar(&s.Cert, "cert", "", "PEM `file`")
	flag.StringVar(&s.Key, "key", "", "PEM `file`")
	flag.StringVar(&s.ClientCA, "client-ca", "", "PEM `file`")
	flag.Parse()
	b, err := os.ReadFile(*genesis)
	if err != nil {
		return err
	}
	var g ledger.Genesis
	if err := json.Unmarshal(b, &g); err != nil {
		return err
	}
	c := chaincode.New(contract.New(g), nil)
	if clocks != "" {
		c = chaincode.New(contract.New(g), func() time.Time { return now(s.Cert) })
	}
	return s.Serve(ctx, bare.Beside(c), nil)
}
