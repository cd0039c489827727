package escrowproof

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// A script is what z3 is told, in SMT-LIB 2.6.
type script struct{ strings.Builder }

func (s *script) say(format string, a ...any) { fmt.Fprintf(s, format+"\n", a...) }

// ask asks whether a formula can be true besides all that was asserted, and, if
// it can, for the values of some terms then. Its answer is one of solve's.
func (s *script) ask(formula string, values ...string) {
	s.say("(push)\n(assert %s)\n(check-sat)", formula)
	for _, v := range values {
		s.say("(get-value (%s))", v)
	}
	s.say("(pop)\n(echo \"--\")")
}

// An answer says whether a formula can be true, and with which values.
type answer struct {
	can    bool
	values map[string]string
}

// solve returns an answer to each ask, in order.
func solve(t testing.TB, s *script) (out []answer) {
	t.Helper()
	z3, err := exec.LookPath("z3")
	if err != nil {
		t.Skip("z3 is not installed: run test/setup.sh")
	}
	cmd := exec.CommandContext(t.Context(), z3, "-in", "-T:120", "-memory:2000")
	cmd.Stdin = strings.NewReader(s.String())
	text, _ := cmd.Output() // z3 ends with 1 where a value was asked for and there is none
	value := regexp.MustCompile(`\(\((\S+) (\(- \d+\)|\S+)\)\)`)
	parts := bytes.Split(text, []byte("--\n"))
	for _, p := range parts[:len(parts)-1] {
		a := answer{values: map[string]string{}}
		switch first, rest, _ := strings.Cut(string(p), "\n"); first {
		case "unsat":
		case "sat":
			a.can = true
			for _, m := range value.FindAllStringSubmatch(rest, -1) {
				a.values[m[1]] = m[2]
			}
			if strings.Contains(rest, "error") {
				t.Fatalf("z3 says %s", rest)
			}
		default:
			t.Fatalf("z3 says %q", p)
		}
		out = append(out, a)
	}
	if n := strings.Count(s.String(), "(check-sat)"); n != len(out) {
		t.Fatalf("z3 answered %d of %d questions: %s", len(out), n, parts[len(parts)-1])
	}
	return out
}
