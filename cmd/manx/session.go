package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/owner"
)

func sessionCommand(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "session", Short: "Who reads at the node in your name: open, list and end sessions"}
	c.PersistentFlags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	open := &cobra.Command{Use: "open", Short: "Open a session and print its token, for a program that reads by the HTTP interface", Args: cobra.NoArgs,
		Long: "Open a session by the account's key and print its token: whoever has it reads what you read, and signs nothing. It ends\nafter twelve hours, after an hour unused, or by `manx session end`.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				s, err := p.NewSession(ctx)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "session": s.ID, "token": s.Token, "expires": s.Expires}, func(w io.Writer) { fmt.Fprintln(w, s.Token) })
				return nil
			})
		}}
	list := &cobra.Command{Use: "list", Short: "Your sessions, and your staff's, that have not ended", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				all, err := p.Sessions(ctx)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "party": p.ID(), "sessions": listOf(all)}, func(w io.Writer) { writeSessions(w, all) })
				return nil
			})
		}}
	end := &cobra.Command{Use: "end SESSION", Short: "End a session; `all` ends all, this command's own too", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				ended, err := endSessions(ctx, p, args[0])
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "ended": ended}, func(w io.Writer) { fmt.Fprintf(w, "%d ended\n", ended) })
				return nil
			})
		}}
	c.AddCommand(open, list, end)
	return c
}

// endSessions ends one session, or all, the caller's own last.
func endSessions(ctx context.Context, p *owner.Party, which string) (ended int, err error) {
	all, err := p.Sessions(ctx)
	if err != nil {
		return 0, err
	}
	for _, own := range []bool{false, true} {
		for _, s := range all {
			if s.Current != own || which != "all" && s.ID != which {
				continue
			}
			if err := p.EndSession(ctx, s.ID); err != nil {
				return ended, err
			}
			ended++
		}
	}
	if ended == 0 {
		return 0, notice.New(notice.NotFound, "you have no session of that name", "list them: `manx session list`")
	}
	return ended, nil
}

func writeSessions(w io.Writer, all []api.Opened) {
	for _, s := range all {
		who := "key"
		if len(s.Roles) > 0 {
			who = "staff"
			for _, r := range s.Roles {
				who += " " + string(r)
			}
		}
		if s.Current {
			who += ", this command's"
		}
		fmt.Fprintf(w, "%s\t%s\tused %s\tends %s\n", s.ID, who, clock(s.Seen), clock(s.IdleEnds))
	}
}

func clock(at ledger.Time) string {
	return time.Unix(int64(at), 0).UTC().Format("2006-01-02 15:04 UTC")
}

func staffCommand(t *terminal) *cobra.Command {
	var as string
	var b api.SetStaff
	var roles []string
	c := &cobra.Command{Use: "staff", Short: "How an organisation's staff signs in at the node, by OpenID Connect"}
	c.PersistentFlags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	set := &cobra.Command{Use: "set", Short: "Let staff sign in at your issuer, and say which group may read what", Args: cobra.NoArgs,
		Long: `Let your staff sign in at your OpenID issuer, as a public client with PKCE. Who signs in reads at the node what the
role of her group may, and can sign, spend and change nothing: that takes the account's key. auditor reads records of
what happened, accounts reads money, operations reads jobs, records and blobs. The node's operator names the issuers
that may be used (manx up --staff-issuer). Sessions that staff has end with every change.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.Roles = map[string]api.StaffRole{}
			for _, r := range roles {
				group, role, ok := strings.Cut(r, "=")
				if !ok {
					return usage{errors.New("a role is written GROUP=auditor, GROUP=accounts or GROUP=operations")}
				}
				b.Roles[group] = api.StaffRole(role)
			}
			if err := b.Check(); err != nil {
				return usage{err}
			}
			return t.setStaff(cmd.Context(), as, b)
		}}
	f := set.Flags()
	f.StringVar(&b.Issuer, "issuer", "", "the issuer, as its discovery document has it: https://…")
	f.StringVar(&b.ClientID, "client", "", "the client id that the issuer knows this exchange by")
	f.StringVar(&b.Redirect, "redirect", "", "where it sends people back to: the node's /v1/reference, as people reach it")
	f.StringVar(&b.Claim, "claim", "groups", "the claim of the ID token that holds groups")
	f.StringArrayVar(&b.Scopes, "scope", nil, "a scope to ask for beside openid; may be given again")
	f.StringArrayVar(&roles, "role", nil, "GROUP=ROLE; may be given again")
	end := &cobra.Command{Use: "end", Short: "Let staff sign in no longer, and end the sessions that it has", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.setStaff(cmd.Context(), as, api.SetStaff{}) }}
	show := &cobra.Command{Use: "show", Short: "How your staff signs in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				b, err := p.Staff(ctx)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "party": p.ID(), "staff": b}, func(w io.Writer) { writeStaff(w, b) })
				return nil
			})
		}}
	c.AddCommand(set, show, end)
	return c
}

func (t *terminal) setStaff(ctx context.Context, as string, b api.SetStaff) error {
	return t.with(ctx, as, func(ctx context.Context, p *owner.Party) error {
		if _, err := p.SetStaff(ctx, b); err != nil {
			return err
		}
		t.say(map[string]any{"ok": true, "party": p.ID(), "staff": b}, func(w io.Writer) { writeStaff(w, b) })
		return nil
	})
}

func writeStaff(w io.Writer, b api.SetStaff) {
	if b.Issuer == "" {
		fmt.Fprintln(w, "staff does not sign in")
		return
	}
	fmt.Fprintf(w, "issuer\t%s\nclient\t%s\nback to\t%s\nscopes\topenid %s\nclaim\t%s\n", b.Issuer, b.ClientID, b.Redirect, strings.Join(b.Scopes, " "), b.Claim)
	for _, group := range slices.Sorted(maps.Keys(b.Roles)) {
		fmt.Fprintf(w, "%s\t%s\n", b.Roles[group], group)
	}
}
