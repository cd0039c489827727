// Command bare is manx-contract with the function beside it that the ledger's
// benchmark compares with. It takes the same flags and is for that benchmark
// alone.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/fabric/bare"
	"manx/ledger/fabric/chaincode"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
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
	return s.Serve(ctx, bare.Beside(chaincode.New(contract.New(g), nil)), nil)
}
