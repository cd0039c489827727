package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

func keysCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Your keyring: make, show, rotate, back up, recover, adopt"}
	c.AddCommand(keysNew(t), keysShow(t), keysRotate(t), keysBackup(t), keysRecover(t), keysAdopt(t))
	return c
}

// party is how a persona is shown.
type partyView struct {
	Vertical ledger.Vertical `json:"vertical"`
	Party    ledger.PartyID  `json:"party"`
	Role     ledger.Role     `json:"role,omitempty"`
	Name     string          `json:"name,omitempty"`
	Rotated  int             `json:"rotated"`
	Current  bool            `json:"current"` // the ledger knows the keyring's signing key
}

// show reads each persona's party from the ledger.
func show(ctx context.Context, h *owner.Home) (out []partyView, err error) {
	for _, v := range h.Keys.Verticals() {
		p, err := h.As(ledger.Vertical(v))
		if err != nil {
			return nil, err
		}
		defer p.Close()
		on, err := owner.Get[ledger.Party](ctx, p.Client, p.ID())
		if err != nil && !notice.Is(err, notice.NotFound) {
			return nil, err
		}
		out = append(out, partyView{p.Vertical(), p.ID(), on.Role, on.Name, on.Rotated, on.Key.Equal(p.Keys.Public())})
	}
	return out, nil
}

func (t *terminal) sayParties(ctx context.Context, h *owner.Home) error {
	parties, err := show(ctx, h)
	if err != nil {
		return err
	}
	t.say(map[string]any{"ok": true, "network": h.Network.Genesis.ID(), "node": h.Network.Address, "parties": parties}, func(w io.Writer) {
		fmt.Fprintf(w, "network\t%s at %s\n", h.Network.Genesis.ID(), h.Network.Address)
		for _, p := range parties {
			state := "ready"
			if !p.Current {
				state = "not known to the ledger with these keys"
			}
			fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\n", p.Vertical, p.Party, p.Role, p.Name, state)
		}
	})
	return nil
}

func keysNew(t *terminal) *cobra.Command {
	var role, name, vertical string
	c := &cobra.Command{Use: "new", Short: "Make a keyring and register its parties", Args: cobra.NoArgs,
		Long: "Make a keyring under a passphrase and register its parties with the node.\n\nA person gets two personas, health and credit, whose keys, wallets and ids have nothing in common.\nAn organisation has one: --role hospital|lender|furnisher|scientist --name NAME.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			dir, err := t.dir()
			if err != nil {
				return err
			}
			verticals, r, err := personas(ledger.Role(role), ledger.Vertical(vertical))
			if err != nil {
				return err
			}
			switch {
			case r == ledger.Person && name != "":
				return usage{errors.New("a person has no public name: leave out --name, or state a --role")}
			case r != ledger.Person && name == "":
				return usage{fmt.Errorf("a %s has a public name: state it with --name", r)}
			}
			h, err := t.joinOrOpen(ctx, dir, verticals)
			if err != nil {
				return err
			}
			defer h.Close()
			for _, v := range verticals {
				p, err := h.As(ledger.Vertical(v))
				if err != nil {
					return err
				}
				err = p.Register(ctx, r, name)
				p.Close()
				if err != nil {
					return err
				}
			}
			return t.sayParties(ctx, h)
		}}
	c.Flags().StringVar(&role, "role", "person", "person, hospital, lender, furnisher, scientist, auditor or worker")
	c.Flags().StringVar(&name, "name", "", "public name of an organisation; a person has none")
	c.Flags().StringVar(&vertical, "vertical", "health", "health or credit, for a scientist or an auditor")
	return c
}

// personas says which keys a role needs.
func personas(r ledger.Role, v ledger.Vertical) ([]string, ledger.Role, error) {
	switch r {
	case ledger.Person:
		return []string{string(ledger.Health), string(ledger.Credit)}, r, nil
	case ledger.Hospital:
		return []string{string(ledger.Health)}, r, nil
	case ledger.Lender, ledger.Furnisher:
		return []string{string(ledger.Credit)}, r, nil
	case ledger.Worker:
		return []string{string(ledger.Common)}, r, nil
	case ledger.Scientist, ledger.Auditor:
		if v == ledger.Health || v == ledger.Credit {
			return []string{string(v)}, r, nil
		}
	}
	if r == ledger.Scientist || r == ledger.Auditor {
		return nil, r, usage{fmt.Errorf("no vertical %q: a scientist or an auditor works for health or credit", v)}
	}
	return nil, r, usage{fmt.Errorf("no role %q: person, hospital, lender, furnisher, scientist, auditor or worker", r)}
}

// joinOrOpen makes a home, or opens one whose registration was interrupted.
func (t *terminal) joinOrOpen(ctx context.Context, dir string, verticals []string) (*owner.Home, error) {
	pass, err := t.passphrase(true)
	if err != nil {
		return nil, err
	}
	h, err := owner.Join(ctx, dir, pass, t.joined(), verticals...)
	if !notice.Is(err, notice.Conflict) {
		return h, err
	}
	old, oerr := owner.Open(dir, pass, t.address())
	if oerr != nil {
		return nil, err
	}
	if parties, serr := show(ctx, old); serr == nil {
		for _, p := range parties {
			if p.Role == "" {
				return old, nil // not all registered: go on
			}
		}
	}
	return nil, errors.Join(err, old.Close())
}

func keysShow(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "show", Short: "Show your parties and whether the ledger knows their keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := t.home()
			if err != nil {
				return err
			}
			defer h.Close()
			return t.sayParties(cmd.Context(), h)
		}}
}

func keysRotate(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "rotate", Short: "Replace signing and sealing keys; records, MAN and grants stay", Args: cobra.NoArgs,
		Long: "Replace the signing and sealing keys of every persona, wrap the keys of your records for the new ones and renew the\nsealed backup. Records, MAN, grants and the recovery kit stay.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := t.home()
			if err != nil {
				return err
			}
			defer h.Close()
			for _, v := range h.Keys.Verticals() {
				p, err := h.As(ledger.Vertical(v))
				if err != nil {
					return err
				}
				err = p.Rotate(cmd.Context())
				p.Close()
				if err != nil {
					return err
				}
			}
			// An older backup would open nothing that is wrapped from now on.
			if err := h.Backup(cmd.Context()); err != nil {
				return err
			}
			return t.sayParties(cmd.Context(), h)
		}}
}

func keysBackup(t *terminal) *cobra.Command {
	var guardians, needed int
	c := &cobra.Command{Use: "backup", Short: "Store a sealed backup and print the recovery kit", Args: cobra.NoArgs,
		Long: "Store the keyring, sealed, with the organisations and print the recovery kit: a phrase of 24 words or,\nwith --guardians N --needed T, N shares of which any T bring everything back. Write it down; it is shown nowhere else.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if guardians != 0 && (guardians < 2 || guardians > 32 || needed < 2 || needed > guardians) {
				return usage{errors.New("--guardians is 2 to 32, and --needed is 2 to that many")}
			}
			h, err := t.home()
			if err != nil {
				return err
			}
			defer h.Close()
			if err := h.Backup(cmd.Context()); err != nil {
				return err
			}
			kit := h.Keys.Kit()
			if guardians > 0 {
				shares, err := kit.Shares(needed, guardians)
				if err != nil {
					return err
				}
				t.sayShares(shares, needed)
				return nil
			}
			phrase := kit.Phrase().Reveal(reveal.Token{})
			t.say(map[string]any{"ok": true, "phrase": phrase}, func(w io.Writer) {
				fmt.Fprintf(w, "Write these 24 words down, in order, and keep them where nobody else looks.\nWho has them has everything.\n\n%s\n", phrase)
			})
			return nil
		}}
	c.Flags().IntVar(&guardians, "guardians", 0, "share the kit among this many guardians")
	c.Flags().IntVar(&needed, "needed", 2, "how many guardians bring it back")
	return c
}

func (t *terminal) sayShares(shares []privacy.Secret[string], needed int) {
	texts := make([]string, len(shares))
	for i, s := range shares {
		texts[i] = s.Reveal(reveal.Token{})
	}
	t.say(map[string]any{"ok": true, "needed": needed, "shares": texts}, func(w io.Writer) {
		fmt.Fprintf(w, "Give one line to each guardian. Any %d of them bring everything back; fewer learn nothing.\n\n%s\n", needed, strings.Join(texts, "\n"))
	})
}

func keysRecover(t *terminal) *cobra.Command {
	var phraseFile, sharesFile string
	c := &cobra.Command{Use: "recover", Short: "Bring back keys, records, MAN and grants from a recovery kit", Args: cobra.NoArgs,
		Long: "Bring everything back into a new folder (--data) from the 24 words (--phrase-file) or from guardians' shares,\none a line (--shares-file). The lost device's keys are replaced on the ledger.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			kit, err := readKit(phraseFile, sharesFile)
			if err != nil {
				return err
			}
			dir, err := t.dir()
			if err != nil {
				return err
			}
			pass, err := t.passphrase(true)
			if err != nil {
				return err
			}
			h, got, err := owner.Recover(ctx, dir, pass, kit, t.joined())
			if err != nil {
				return err
			}
			defer h.Close()
			t.say(map[string]any{"ok": true, "parties": got.Parties, "records": got.Records, "grants": got.Grants, "balance": got.Balance}, func(w io.Writer) {
				for _, p := range got.Parties {
					fmt.Fprintf(w, "%s\tis yours again, with %s MAN\n", p, got.Balance[p])
				}
				fmt.Fprintf(w, "records\t%d\ngrants\t%d\n", got.Records, got.Grants)
			})
			return nil
		}}
	c.Flags().StringVar(&phraseFile, "phrase-file", "", "file with the 24 words")
	c.Flags().StringVar(&sharesFile, "shares-file", "", "file with guardians' shares, one a line")
	return c
}

// maxKeyring bounds a keyring's file, in bytes: a provider's has no records' keys.
const maxKeyring = 1 << 20

func keysAdopt(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "adopt FILE", Short: "Use the keys of a provider's account in a browser on this machine", Args: cobra.ExactArgs(1),
		Long: "Take the file that a compute provider's page saves, still sealed under its passphrase, into a new folder (--data).\n`manx worker run` then works under the account of the page, which goes on as before.",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := t.dir()
			if err != nil {
				return err
			}
			if in, err := os.ReadDir(dir); err == nil && len(in) > 0 {
				return notice.New(notice.Conflict, "this folder is not empty", "choose another with --data")
			}
			f, err := os.Open(args[0])
			if err != nil {
				return notice.Because(err, notice.NotFound, "the file with the keys cannot be read", "check its name")
			}
			defer f.Close()
			sealed, err := io.ReadAll(io.LimitReader(f, maxKeyring))
			if err != nil {
				return err
			}
			pass, err := t.passphrase(false)
			if err != nil {
				return err
			}
			h, err := owner.Adopt(cmd.Context(), dir, sealed, pass, t.joined())
			if err != nil {
				return errors.Join(err, os.RemoveAll(dir)) // it was made here
			}
			defer h.Close()
			return t.sayParties(cmd.Context(), h)
		}}
}

func readKit(phraseFile, sharesFile string) (keyring.Kit, error) {
	if (phraseFile == "") == (sharesFile == "") {
		return keyring.Kit{}, usage{fmt.Errorf("name one of --phrase-file and --shares-file")}
	}
	b, err := os.ReadFile(phraseFile + sharesFile)
	if err != nil {
		return keyring.Kit{}, notice.Because(err, notice.NotFound, "the file with the recovery kit cannot be read", "check its name")
	}
	if phraseFile != "" {
		return keyring.ParsePhrase(string(b))
	}
	return keyring.JoinShares(strings.Fields(string(b)))
}
