package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"manx/escrow"
	"manx/escrow/check"
	"manx/escrow/tell"
	"manx/escrow/template"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// either picks a text by --zh.
func (e *escrowCLI) either(en, zh string) string {
	if *e.zh {
		return zh
	}
	return en
}

// bothLanguages tells terms in English and in Chinese, from the same tree.
func bothLanguages(terms escrow.Terms, players []ledger.Player) (texts [2]string) {
	for l := range texts {
		texts[l] = tell.Teller{Language: tell.Language(l), Words: template.Words()}.Terms(terms, owner.Parts(players))
	}
	return texts
}

// signs shows the clause that a step is taken in, what is signed and the hash of
// the terms, and asks where there is a terminal to ask on.
func (e *escrowCLI) signs(c owner.Contract, s ledger.StepEscrow) error {
	if c.State.Over() || e.json || e.quiet {
		return nil
	}
	what := e.either("that its time has passed", "其期限已过")
	switch {
	case s.Choice != "":
		what = e.either("the choice ", "选择") + e.teller().Words[s.Choice][e.teller().Language]
		if e.teller().Words[s.Choice][0] == "" {
			what += s.Choice
		}
	case s.Deposit != nil:
		what = e.either("a deposit of ", "存入") + s.Deposit.String() + " MAN"
	case s.Pay != nil:
		what = e.either("a payment of ", "支付") + s.Pay.String() + e.either(" MAN to ", " MAN给") + e.teller().Roles([]escrow.Role{escrow.Role(s.To)})
	case s.Fact != "":
		what = e.either("a fact: ", "事实：") + fmt.Sprintf("%s = %d", s.Fact, s.Value)
	case s.Job != "":
		what = e.either("how a job ended", "任务的结果")
	}
	fmt.Fprintf(e.err, "%d. %s\n", c.State.At+1, e.teller().Clause(c.Read, c.State.At))
	if s.Role != "" {
		what += e.either(", as ", "，身份：") + e.teller().Roles([]escrow.Role{escrow.Role(s.Role)})
	}
	fmt.Fprintf(e.err, "%s %s\nhash %s\n", e.either("signed:", "签署："), what, c.Hash)
	if e.yes || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	return e.sure(e.either("Sign it?", "签署吗？"))
}

// explore checks the terms of a draft; a fault is told in the user's language.
func (e *escrowCLI) explore(d draft, at ledger.Time) (check.Report, error) {
	r, err := owner.CheckTerms(d.read, d.Players, at, d.Last)
	return r, e.fault(err)
}

func (e *escrowCLI) fault(err error) error {
	if f := (*escrow.Fault)(nil); errors.As(err, &f) {
		return notice.Because(f, notice.Invalid, e.teller().Fault(f), e.either("correct that clause", "请改正该条款"))
	}
	return err
}

// refused says in the user's language why a contract did not take a step, and
// where it stands.
func (e *escrowCLI) refused(ctx context.Context, p *owner.Party, c owner.Contract, err error) error {
	n := (*notice.Error)(nil)
	if !errors.As(err, &n) {
		return err
	}
	if now, rerr := p.Contract(ctx, c.ID); rerr == nil {
		c = now // another may have stepped it meanwhile
	}
	text := e.teller().Refused(c.Read, c.State, n.Text)
	if text == n.Text {
		return err
	}
	return notice.Because(err, n.Kind, text, e.either("see what can happen: `manx escrow explain "+string(c.ID)+"`", "可行之举见 `manx escrow explain "+string(c.ID)+" --zh`"))
}

func (e *escrowCLI) explain() *cobra.Command {
	return &cobra.Command{Use: "explain CONTRACT|FILE", Short: "A contract on the ledger or in a file in plain words, and all that can still happen: by whom, until when", Args: cobra.ExactArgs(1),
		Long: "Read a contract in plain words, with a timeline of everything that can still happen to it: by whom, until when, and which\nclause follows. Of a file, before it is opened, no network is needed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if id := ledger.EscrowID(args[0]); ledger.CheckID(id, "escrow") == nil {
				return e.with(cmd.Context(), *e.as, func(ctx context.Context, p *owner.Party) error {
					c, err := p.Contract(ctx, id)
					if err != nil {
						return err
					}
					e.sayExplained(c.Title, c.Hash, c.Read, c.State, c.Roles(p.ID()))
					return nil
				})
			}
			d, err := readDraft(args[0])
			if err != nil {
				return err
			}
			s, err := escrow.Open(d.read, owner.Parts(d.Players), nil, ledger.Time(time.Now().Unix()), d.Last)
			if err != nil {
				return e.fault(err)
			}
			e.sayExplained(d.Title, ledger.TermsHash(d.Terms, d.Players), d.read, s, nil)
			return nil
		}}
}

func (e *escrowCLI) sayExplained(title string, hash ledger.Hash, terms escrow.Terms, s escrow.State, mine []escrow.Role) {
	teller := e.teller()
	line := teller.Timeline(terms, s)
	text := teller.Terms(terms, s.Parties)
	e.say(map[string]any{"ok": true, "title": title, "hash": hash, "text": text, "timeline": listOf(line), "yours": listOf(mine), "outcome": s.Outcome}, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n\n%s\n%s\n", title, text, e.either("What can still happen:", "还可能发生："))
		if s.Over() {
			fmt.Fprintf(w, "%s\n", e.either("nothing: it has ended, "+s.Outcome, "无：合约已结束，"+s.Outcome))
		}
		for _, m := range line {
			e.sayMoment(w, teller, m, mine)
		}
		fmt.Fprintf(w, "\nhash\t%s\n", hash)
	})
}

// sayMoment writes a wait: until when, who may do what, and what follows.
func (e *escrowCLI) sayMoment(w io.Writer, teller tell.Teller, m tell.Moment, mine []escrow.Role) {
	when, number := teller.When(m.Until), m.Clause+1
	if m.Now {
		fmt.Fprintf(w, e.either("now, until %s (clause %d)\n", "现在，至%s（第%d条）\n"), when, number)
	} else {
		fmt.Fprintf(w, e.either("later, until %s (clause %d)\n", "其后，至%s（第%d条）\n"), when, number)
	}
	for _, v := range m.Moves {
		who := teller.Roles(v.Who)
		if slices.ContainsFunc(v.Who, func(r escrow.Role) bool { return slices.Contains(mine, r) }) {
			who += e.either(", which is you", "（即您）")
		}
		fmt.Fprintf(w, "  %s\t%s\t→ %d\n", who, v.What, v.Then+1)
	}
}
