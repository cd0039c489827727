package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"manx/privacy/seal"
)

const (
	someRecord = "health-rec-00000000000000000000000000000000"
	someParty  = "health-p-00000000000000000000000000000000"
	someJob    = "credit-job-00000000000000000000000000000000"
)

// Without a node and without keys, every command ends with a code that says
// what kind of error it was, a cure for people, and JSON for scripts.
func TestErrorsWithoutANode(t *testing.T) {
	dir := t.TempDir()
	pass := filepath.Join(dir, "pass")
	if err := os.WriteFile(pass, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MANX_PASSPHRASE_FILE", pass)
	t.Setenv("MANX_DATA", filepath.Join(dir, "home"))
	t.Setenv("MANX_NODE", "http://127.0.0.1:1")
	notThere := filepath.Join(dir, "not there")

	const noKeys = "no keys in this folder"
	for _, c := range []struct {
		args string
		code int
		want string // in the text of the error
	}{
		{"nonsense", 2, "no command `manx nonsense`"},
		{"keys nwe", 2, "did you mean new?"},
		{"--nonsense", 2, "unknown flag"},
		{"keys nonsense", 2, "no command `manx keys nonsense`"},
		{"study add", 2, "PATH"},
		{"study add --nonsense x", 2, "unknown flag"},
		{"study show", 2, "study show RECORD"},
		{"study show a b", 2, "study show RECORD"},
		{"study show " + someRecord, 4, noKeys},
		{"study list", 4, noKeys},
		{"study add " + notThere, 4, noKeys},
		{"study open " + someRecord, 4, noKeys},
		{"study export " + someRecord, 4, noKeys},
		{"study deidentify " + someRecord, 4, noKeys},
		{"study erase nonsense", 2, "not the id of a record"},
		{"study erase " + someRecord, 4, noKeys},
		{"grant add nonsense " + someParty, 2, "not the id of a record"},
		{"grant add " + someRecord + " nonsense", 2, "not the id of a party"},
		{"grant add " + someRecord + " " + someParty + " --days 0", 2, "--days"},
		{"grant add " + someRecord + " " + someParty + " --days NaN", 2, "--days"},
		{"grant add " + someRecord + " " + someParty, 4, noKeys},
		{"grant revoke nonsense", 2, "not the id of a permission"},
		{"grant list", 4, noKeys},
		{"diagnose " + someRecord, 4, noKeys},
		{"diagnose", 2, "diagnose RECORD"},
		{"credit request", 2, "purpose"},
		{"credit request --subject nonsense --purpose credit-transaction", 4, noKeys},
		{"credit furnish x", 2, "subject"},
		{"credit consent", 4, noKeys},
		{"credit deny " + someJob, 4, noKeys},
		{"credit score " + someJob, 4, noKeys},
		{"credit dispute x", 4, noKeys},
		{"credit add x", 4, noKeys},
		{"wallet balance", 4, noKeys},
		{"wallet send " + someParty + " nonsense", 2, "amount of MAN"},
		{"wallet send " + someParty + " 0", 2, "more than 0"},
		{"wallet send nonsense 1", 2, "not the id of a party"},
		{"wallet faucet", 4, noKeys},
		{"job list", 4, noKeys},
		{"job show nonsense", 2, "not an id"},
		{"job show " + someJob, 4, noKeys},
		{"receipt show " + someJob, 4, noKeys},
		{"receipt verify " + notThere, 4, noKeys},
		{"receipt verify " + notThere + " --network 0", 4, "cannot be read"},
		{"receipt verify " + pass + " --network 0", 1, "not a receipt bundle"},
		{"model list", 4, noKeys},
		{"model show lung-ct", 4, noKeys},
		{"model train nonsense --data-set x", 4, "no recipe"},
		{"model train lung-ct --data-set " + notThere, 1, "IQ-OTH/NCCD"},
		{"model train pneumonia-xray --data-set " + notThere, 1, "PneumoniaMNIST"},
		{"model train heart --data-set " + notThere, 1, "Heart Disease"},
		{"model train consumer-risk-mlp --data-set " + notThere, 1, "credit card clients"},
		{"model train consumer-risk-trees --data-set " + notThere, 1, "credit card clients"},
		{"model train heart-hospitals --data-set " + notThere, 1, "Heart Disease"},
		{"model train lung-survival --data-set " + notThere, 1, "NCCTG"},
		{"model curve age", 1, "not FIELD=NUMBER"},
		{"model curve weight=70", 1, "no such field"},
		{"model curve age=700 sex=1 ph_ecog=1", 1, "field age"},
		{"model curve age=70 sex=1", 1, "field ph_ecog"},
		{"worker rerun nonsense", 2, "not the id of a job"},
		{"worker stake nonsense", 2, "not an amount"},
		{"worker stake 0", 2, "more than 0"},
		{"job rerun " + notThere, 4, "cannot be read"},
		{"job rerun " + pass, 1, "not a receipt bundle"},
		{"diagnose " + someRecord + " --proof much", 4, noKeys},
		{"audit", 4, noKeys},
		{"keys show", 4, noKeys},
		{"keys rotate", 4, noKeys},
		{"keys backup", 4, noKeys},
		{"keys backup --guardians 3 --needed 4", 2, "--needed"},
		{"keys recover", 2, "--phrase-file"},
		{"keys recover --phrase-file " + notThere, 4, "cannot be read"},
		{"keys recover --phrase-file " + pass, 1, "24 words"},
		{"keys new --role king", 2, "no role"},
		{"keys new --role lender", 2, "--name"},
		{"keys new --name Eve", 2, "no public name"},
		{"keys new --passphrase-file " + notThere, 4, "passphrase file"},
		{"keys new", 1, "does not answer"},
		{"up --listen 0.0.0.0:0", 1, "loopback"},
		{"up --log loud", 2, "loud"},
	} {
		t.Run(strings.ReplaceAll(c.args, dir, "DIR"), func(t *testing.T) {
			t.Parallel()
			args := strings.ReplaceAll(c.args, notThere, "\x00")
			split := strings.Fields(args)
			for i := range split {
				split[i] = strings.ReplaceAll(split[i], "\x00", notThere)
			}
			var out, errs bytes.Buffer
			if code := run(t.Context(), split, &terminal{out: &out, err: &errs, lock: seal.NewPassphrase}); code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, errs.String())
			}
			if !strings.HasPrefix(errs.String(), "error: ") || !strings.Contains(errs.String(), c.want) || !strings.Contains(errs.String(), "\nhint: ") {
				t.Errorf("it says %q, without %q or a hint", errs.String(), c.want)
			}
			if out.Len() != 0 {
				t.Errorf("an error wrote %q to stdout", out.String())
			}
			out.Reset()
			errs.Reset()
			if code := run(t.Context(), append(split, "--json"), &terminal{out: &out, err: &errs, lock: seal.NewPassphrase}); code != c.code {
				t.Errorf("exit code %d with --json, want %d", code, c.code)
			}
			var got struct {
				OK    *bool
				Error struct{ Kind, Text, Hint string }
			}
			if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.OK == nil || *got.OK || got.Error.Kind == "" || !strings.Contains(got.Error.Text, c.want) || got.Error.Hint == "" {
				t.Errorf("as JSON it is %q (%v)", out.String(), err)
			}
			if errs.Len() != 0 {
				t.Errorf("with --json, stderr has %q", errs.String())
			}
		})
	}
}

func TestHelpAndCompletionAreThere(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "Available Commands"}, {"--help", "Available Commands"}, {"keys", "recover"}, {"study add --help", "one object a study"},
		{"--version", version}, {"completion bash", "bash completion"}, {"completion zsh", "compdef"}, {"__complete study a", "add"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(c.args), &terminal{out: &out, err: &errs}); code != 0 || !strings.Contains(out.String(), c.want) {
			t.Errorf("manx %s: code %d, %q lacks %q", c.args, code, out.String(), c.want)
		}
	}
}

// No flag or argument takes a secret: other users of a machine see arguments.
func TestNoSecretInArguments(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			for _, word := range []string{"passphrase", "phrase", "share", "secret", "password", "token"} {
				if strings.Contains(f.Name, word) && !strings.HasSuffix(f.Name, "-file") {
					t.Errorf("%s --%s", c.CommandPath(), f.Name)
				}
			}
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&terminal{}))
}

// Every `manx …` in a text of the program is a command, with its flags.
func TestHintsNameCommands(t *testing.T) {
	root := newRoot(&terminal{})
	command := regexp.MustCompile("manx(?: [^`]*)?")
	quoted := regexp.MustCompile("`(manx(?: [^`\"]*)?)")
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != "../.." && len(d.Name()) > 2 || d.Name() == "testdata") {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				return true
			}
			for _, m := range quoted.FindAllStringSubmatch(text, -1) {
				if why := unknown(root, strings.Fields(command.FindString(m[1]))[1:]); why != "" {
					t.Errorf("%s: `%s`: %s", name, m[1], why)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unknown says what is wrong with a command in a text, or "".
func unknown(root *cobra.Command, words []string) string {
	if len(words) == 0 || words[0] == "COMMAND" {
		return ""
	}
	at := root
	for len(words) > 0 && at.HasSubCommands() && !strings.HasPrefix(words[0], "-") {
		i := slices.IndexFunc(at.Commands(), func(c *cobra.Command) bool { return c.Name() == words[0] })
		if i < 0 {
			return "no command " + words[0]
		}
		at, words = at.Commands()[i], words[1:]
	}
	for _, w := range words {
		name, ok := strings.CutPrefix(w, "--")
		if ok && name != "help" && name != "version" && at.Flags().Lookup(name) == nil && at.InheritedFlags().Lookup(name) == nil {
			return "no flag --" + name
		}
	}
	return ""
}
