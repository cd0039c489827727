package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"manx/escrow/say"
	"manx/escrow/tell"
	"manx/escrow/template"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// templates lists what contracts can be made from.
func (e *escrowCLI) templates() *cobra.Command {
	return &cobra.Command{Use: "templates [NAME]", Short: "What contracts can be made from, and a sentence that asks for each; no network", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var all []*template.Template
			for _, n := range template.Names() {
				t, _ := template.Named(n)
				all = append(all, t)
			}
			if len(args) == 1 {
				t, err := templateNamed(args[0])
				if err != nil {
					return err
				}
				all = []*template.Template{t}
			}
			l := e.teller().Language
			e.say(map[string]any{"ok": true, "templates": all}, func(w io.Writer) {
				for _, t := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\n", t.Name, t.Title[l], t.Example[l])
					if len(args) == 0 {
						continue
					}
					for _, p := range t.Params {
						kind, zh := p.Kind.Cure()
						if l == tell.Chinese {
							kind = zh
						}
						fmt.Fprintf(w, "%s\t%s\t%s\n", p.Name, p.About[l], kind)
					}
				}
			})
			return nil
		}}
}

// templateNamed finds a template by its name, or reads one from a file.
func templateNamed(name string) (*template.Template, error) {
	if t, ok := template.Named(name); ok {
		return t, nil
	}
	if !strings.ContainsAny(name, "/\\.") {
		return nil, usage{fmt.Errorf("there is no template %q: `manx escrow templates` lists them; a file of your own is named with its path", name)}
	}
	b, err := readInput(name)
	if err != nil {
		return nil, err
	}
	return template.Parse(b)
}

// A making is `manx escrow new` under way.
type making struct {
	*escrowCLI
	template, said, title, out string
	set, players               []string
	open                       bool

	language tell.Language
	grammar  *say.Grammar
	from     *template.Template
	values   map[string]string
	ask      []say.Question
	parties  map[string]ledger.PartyID
	stdin    *bufio.Reader
}

func (e *escrowCLI) new() *cobra.Command {
	m := &making{escrowCLI: e}
	c := &cobra.Command{Use: "new", Short: "Make a contract from a sentence or a template, and read it in both languages", Args: cobra.NoArgs,
		Long: "Make a contract from a sentence in English or Chinese, or from a template and its values, and write it to a file.\nNothing is guessed: what is missing or can be read two ways is asked for, on a terminal; otherwise the questions are\nlisted, with exit code 2, and answered with --set and --party. The terms are told in both languages with their hash.",
		Example: "  manx escrow new --say \"Pay the radiologist 50 MAN when the finding for study X is verified, otherwise refund me after 7 days.\" --set job=JOB --party radiologist=PARTY\n" +
			"  manx escrow new --template subscription --set subscriber=me --set provider=gym --set amount=10 --set count=12 --set every=1mo --party gym=PARTY",
		RunE: func(cmd *cobra.Command, _ []string) error { return m.run(cmd.Context()) }}
	f := c.Flags()
	f.StringVar(&m.said, "say", "", "a sentence that asks for the contract")
	f.StringVar(&m.template, "template", "", "a template's name, or the path of a file of your own")
	f.StringArrayVar(&m.set, "set", nil, "NAME=VALUE: a parameter")
	f.StringArrayVar(&m.players, "party", nil, "WORD=PARTY: who a role or a name is")
	f.StringVar(&m.title, "title", "", "a title (default: the template's)")
	f.StringVar(&m.out, "out", "contract.json", "the file to write")
	f.BoolVar(&m.open, "open", false, "check it and put it on the ledger at once")
	return c
}

func (m *making) run(ctx context.Context) error {
	if err := m.read(); err != nil {
		return err
	}
	if err := m.answer(); err != nil {
		return err
	}
	needsMe := m.parties["me"] == "" && slices.ContainsFunc(slices.Collect(maps.Values(m.values)), mentionsMe)
	if !needsMe && !m.open {
		return m.write(ctx, nil)
	}
	return m.with(ctx, *m.as, func(ctx context.Context, p *owner.Party) error {
		if m.parties["me"] == "" {
			m.parties["me"] = p.ID()
		}
		return m.write(ctx, p)
	})
}

func mentionsMe(v string) bool {
	return slices.ContainsFunc(strings.Split(v, "+"), func(s string) bool { return s == "me" || strings.HasPrefix(s, "me:") })
}

// pairs splits flags of the form NAME=VALUE.
func pairs(flag string, all []string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range all {
		k, v, ok := strings.Cut(s, "=")
		if _, twice := out[k]; !ok || k == "" || v == "" || twice {
			return nil, usage{fmt.Errorf("--%s is NAME=VALUE, each name once", flag)}
		}
		out[k] = v
	}
	return out, nil
}

// read reads the sentence, the template and the flags.
func (m *making) read() error {
	set, err := pairs("set", m.set)
	if err != nil {
		return err
	}
	who, err := pairs("party", m.players)
	if err != nil {
		return err
	}
	m.parties = map[string]ledger.PartyID{}
	for name, p := range who {
		id, err := partyNamed(p)
		if err != nil {
			return err
		}
		m.parties[template.RoleNamed(name)] = id
	}
	m.language, m.values, m.stdin = m.teller().Language, map[string]string{}, bufio.NewReader(os.Stdin)
	if m.template == "" && m.said == "" {
		return usage{errors.New("say what contract: --say SENTENCE, or --template NAME with --set")}
	}
	m.grammar = say.Standard()
	if m.template != "" {
		if m.from, err = templateNamed(m.template); err != nil {
			return m.told(err)
		}
		if m.grammar, err = say.New(m.from); err != nil {
			return m.told(err)
		}
	}
	if m.said != "" {
		r := m.grammar.Read(m.said, m.names())
		m.language = r.Language
		if r.Refused != nil {
			return notice.New(notice.Invalid, r.Refused.Text, m.either("`manx escrow templates` shows a sentence for each contract; docs/escrow.md says what may stand in it; a party is named with --party NAME=PARTY",
				"`manx escrow templates --zh` 列出每种合约的例句；docs/escrow.md 说明句子的写法；当事人以 --party 名字=标识 指明"))
		}
		if m.values, m.ask = r.Values, r.Ask; r.Template == "" {
			return usage{errors.New(r.Ask[0].Text + " --template " + strings.Join(r.Ask[0].Candidates, " | "))} // of templates that overlap
		}
		if m.from == nil {
			m.from, _ = template.Named(r.Template)
		}
	}
	for name, v := range set {
		if old := m.values[name]; old != "" && old != v {
			return usage{fmt.Errorf(m.either("--set %s=%s, and the sentence says %s: change one of them", "--set %s=%s，而句子说的是%s：请改其一"), name, v, old)}
		}
	}
	maps.Copy(m.values, set)
	m.ask = slices.DeleteFunc(m.ask, func(q say.Question) bool { return m.values[q.Param] != "" })
	for _, q := range say.Missing(m.from, m.language, m.values) {
		if !slices.ContainsFunc(m.ask, func(o say.Question) bool { return o.Param == q.Param }) {
			m.ask = append(m.ask, q)
		}
	}
	return nil
}

// either picks a text by the sentence's language.
func (m *making) either(en, zh string) string {
	if m.language == tell.Chinese {
		return zh
	}
	return en
}

// names are the words that parties were given for.
func (m *making) names() []string { return slices.Sorted(maps.Keys(m.parties)) }

// told makes a template's fault a notice, in the language of the sentence.
func (m *making) told(err error) error {
	f := (*template.Fault)(nil)
	if !errors.As(err, &f) {
		return err
	}
	return notice.Because(f, notice.Invalid, m.either(f.Error(), f.Chinese()), m.either("docs/escrow.md shows templates and their parameters", "模板及其参数见 docs/escrow.md"))
}

// asks reports whether there is somebody to ask.
func (m *making) asks() bool { return !m.json && term.IsTerminal(int(os.Stdin.Fd())) }

// answer asks for what is missing, one by one and again until it is clear, or lists
// it where there is nobody to ask.
func (m *making) answer() error {
	if len(m.ask) > 0 && !m.asks() {
		var text []string
		for _, q := range m.ask {
			text = append(text, q.Param+": "+q.Text)
		}
		m.questions(m.ask)
		return usage{errors.New(m.either("answer with --set: ", "请用 --set 回答：") + strings.Join(text, m.either("; ", "；")))}
	}
	for i, q := range m.ask {
		p, _ := m.from.Param(q.Param)
		for again := &q; again != nil; {
			line, err := m.hear(fmt.Sprintf("(%d/%d) %s: %s", i+1, len(m.ask), q.Param, again.Text))
			if err != nil {
				return err
			}
			m.values[q.Param], again = m.grammar.Answer(p, m.language, line, m.names())
		}
	}
	return nil
}

// hear asks and returns what is answered. The end of the input ends it all.
func (m *making) hear(question string) (string, error) {
	fmt.Fprintf(m.err, "%s\n> ", question)
	line, err := m.stdin.ReadString('\n')
	if err != nil {
		fmt.Fprintln(m.err)
		return "", notice.Because(err, notice.Denied, m.either("nothing was made: a question was not answered", "未生成合约：有问题未得到回答"),
			m.either("answer all of them, or say it beforehand: `manx escrow new --set`, --party", "请逐一回答，或事先写明：`manx escrow new --set`、--party"))
	}
	return strings.TrimSpace(line), nil
}

// questions prints what is asked for, for programs.
func (m *making) questions(ask []say.Question) {
	if m.json {
		m.print(map[string]any{"ok": false, "template": m.from.Name, "values": m.values, "ask": ask})
	}
}

// who asks for the party that plays a role.
func (m *making) who(role string) string {
	w := template.Words()[role][m.language]
	if w == "" {
		w = role
	}
	if m.language == tell.Chinese {
		return w + "是哪一方？请给出当事人标识。"
	}
	return "Which party is " + w + "? Give a party's id."
}

// fill makes the terms, and asks who plays the roles.
func (m *making) fill() (template.Filled, error) {
	start := ledger.Time(time.Now().Unix())
	f, err := m.from.Fill(m.values, m.parties, start)
	if err != nil || len(f.Unknown) == 0 {
		return f, m.told(err)
	}
	if !m.asks() {
		var ask []say.Question
		for _, r := range f.Unknown {
			ask = append(ask, say.Question{Param: "party " + r, Text: m.who(r)})
		}
		m.questions(ask)
		return f, usage{errors.New(m.either("say who plays each role: --party ", "请说明由谁担任各角色：--party ") + strings.Join(f.Unknown, "=PARTY --party ") + "=PARTY")}
	}
	for _, r := range f.Unknown {
		for question := m.who(r); m.parties[r] == ""; {
			line, err := m.hear(question)
			if err != nil {
				return f, err
			}
			if p, err := partyNamed(line); err == nil {
				m.parties[r] = p
			}
			question = m.who(r) + m.either(" That was none: it looks like health-p-… and `manx keys show` prints yours.", "刚才给出的不是当事人标识：其形如 health-p-…，`manx keys show` 可显示您的标识。")
		}
	}
	f, err = m.from.Fill(m.values, m.parties, start)
	return f, m.told(err)
}

// write tells the contract in both languages, writes its file, and opens it if
// that was asked for.
func (m *making) write(ctx context.Context, p *owner.Party) error {
	f, err := m.fill()
	if err != nil {
		return err
	}
	d := draft{Title: m.title, Players: f.Players, Last: f.Last, read: f.Terms}
	if d.Title == "" {
		d.Title = m.from.Title[m.language]
	}
	if d.Terms, err = json.Marshal(f.Terms); err != nil {
		return fmt.Errorf("encode terms: %w", err)
	}
	r, err := owner.CheckTerms(f.Terms, f.Players, ledger.Time(time.Now().Unix()), f.Last)
	if err != nil {
		return err
	}
	stories := []string{}
	for _, x := range r.Findings {
		stories = append(stories, tell.Teller{Language: m.language, Words: template.Words()}.Finding(f.Terms, x))
	}
	b, err := json.Marshal(d) // not indented: the hash is of the terms as they are spelled
	if err != nil {
		return fmt.Errorf("encode contract: %w", err)
	}
	if err := os.WriteFile(m.out, append(b, '\n'), 0o600); err != nil {
		return notice.Because(err, notice.Invalid, "the contract cannot be written there", "name another file with --out")
	}
	hash := ledger.TermsHash(d.Terms, d.Players)
	texts := bothLanguages(f.Terms, f.Players)
	if !m.json || !m.open { // one object: deploy says the contract's
		m.say(map[string]any{"ok": len(stories) == 0, "file": m.out, "hash": hash, "template": m.from.Name, "values": m.values, "english": texts[0], "chinese": texts[1], "stories": stories}, func(w io.Writer) {
			fmt.Fprintf(w, "%s\n\n%s\n\n%s\n\nhash\t%s\nfile\t%s\tthen: manx escrow open %s\n", d.Title, texts[0], texts[1], hash, m.out, m.out)
			for _, s := range stories {
				fmt.Fprintf(w, "found\t%s\n", s)
			}
		})
	}
	switch {
	case len(stories) > 0:
		return notice.New(notice.Integrity, "with these values the terms are not sound: "+stories[0], "no ledger takes them; change the values")
	case m.open:
		return m.deploy(ctx, p, d)
	}
	return nil
}
