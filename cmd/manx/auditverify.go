package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manx/cmd/manx-wasm/desk"
)

// auditVerify checks what the portal's auditor took along.
func auditVerify(t *terminal) *cobra.Command {
	var network, of string
	c := &cobra.Command{Use: "verify FILE", Short: "Verify an event, a receipt or a signed extract offline", Args: cobra.ExactArgs(1),
		Long: "Verify with no network what an auditor downloaded: an event with the command that its author signed; a receipt, as\n`manx receipt verify` does; or, with --of, the signature of an extract. All against the network pinned in your folder,\nor named with --network.",
		RunE: func(_ *cobra.Command, args []string) error {
			pinned, err := t.pinned(network)
			if err != nil {
				return err
			}
			text, err := readInput(args[0])
			if err != nil {
				return err
			}
			var file []byte
			if of != "" {
				if file, err = readInput(of); err != nil {
					return err
				}
			}
			v, err := desk.Verify(text, file, pinned)
			if err != nil {
				return err
			}
			t.say(v, func(w io.Writer) {
				fmt.Fprintf(w, "verified\t%s %s\n", v.Kind, v.Name)
				if v.By != "" {
					fmt.Fprintf(w, "signed by\t%s %s\n", v.By, v.ByName)
				}
				if v.At > 0 {
					fmt.Fprintf(w, "at\t%s\n", when(v.At))
				}
			})
			return nil
		}}
	c.Flags().StringVar(&network, "network", "", "id of the network it must be of")
	c.Flags().StringVar(&of, "of", "", "the file that a signature is of")
	return c
}
