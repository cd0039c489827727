package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"manx/cmd/demo"
)

func demoCommand(t *terminal) *cobra.Command {
	var study, credit string
	var real bool
	c := &cobra.Command{Use: "demo", Short: "Tell both stories, checking every claim", Args: cobra.NoArgs,
		Long: "Start a node with a worker, play a patient, hospitals, a borrower, a furnisher and a bank against it, and check every\nclaim on the way. Everything lies in --data (default ./demo-data), which is made anew.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := t.data
			if dir == "" {
				dir = "demo-data"
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find own binary: %w", err)
			}
			return demo.Run(cmd.Context(), demo.Options{Dir: dir, Manx: self, Study: study, Credit: credit, Real: real, JSON: t.json, Out: t.out, Err: t.err})
		}}
	c.Flags().StringVar(&study, "study", "", "a DICOM folder of your own for the first story")
	c.Flags().StringVar(&credit, "credit", "", "a credit file of your own for the second (docs/credit-file.md)")
	c.Flags().BoolVar(&real, "real", false, "on Fabric, Kubo and PostgreSQL instead of embedded parts")
	return c
}
