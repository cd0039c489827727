package readme

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The demo ends with every claim checked, and after it every command of README.md that
// names no file or party of the reader's own does what it says, from top to bottom.
func TestTheReadmeIsTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("the demo and some fifty commands take two minutes")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(c *exec.Cmd) []byte {
		t.Helper()
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out[max(0, len(out)-6000):])
		}
		return out
	}
	manx := filepath.Join(dir, "bin", "manx")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", manx, "manx/cmd/manx")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"credit", "docs", "ml"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if out := run(exec.CommandContext(t.Context(), manx, "demo", "--quiet")); !bytes.Contains(out, []byte("#demo=patient")) {
		t.Fatalf("the demo ends without its links:\n%s", out[max(0, len(out)-4000):])
	}

	// The demo's proving keys serve here too, and save a minute.
	if err := os.CopyFS(filepath.Join(dir, "try/node/ceremony"), os.DirFS(filepath.Join(dir, "demo-data/node/ceremony"))); err != nil {
		t.Fatal(err)
	}
	address := start(t, dir, manx)
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := commands(string(text))
	if n := strings.Count(script, "bin/manx"); n < 50 {
		t.Fatalf("README.md has %d commands", n)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Log("without curl: the call of the HTTP interface is not made")
		script = "curl() { :; }\n" + script
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", script)
	shell.Env = append(os.Environ(), "MANX_NODE="+address)
	shell.Cancel = func() error { return shell.Process.Signal(syscall.SIGTERM) }
	t.Logf("%s", run(shell))
}

// start starts the node of the first block, and waits for what it says of its models.
func start(t *testing.T, dir, manx string) (address string) {
	t.Helper()
	node := exec.CommandContext(t.Context(), manx, "up", "--data", "try/node", "--demo", "--listen", "127.0.0.1:0")
	node.Dir = dir
	node.Cancel = func() error { return node.Process.Signal(syscall.SIGTERM) }
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	node.Stdout, node.Stderr = to, to
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = node.Process.Signal(syscall.SIGTERM)
		_ = node.Wait()
		_ = from.Close()
	})
	_ = to.Close()
	missing, said := []string{"lung-ct", "heart", "consumer-risk"}, ""
	for lines := bufio.NewScanner(from); lines.Scan(); {
		said += lines.Text() + "\n"
		if v, is := strings.CutPrefix(lines.Text(), "address"); is {
			address = strings.TrimSpace(v)
		}
		missing = slices.DeleteFunc(missing, func(name string) bool {
			return strings.HasPrefix(lines.Text(), name+" ") && strings.Contains(lines.Text(), "is on offer")
		})
		if address != "" && len(missing) == 0 {
			go func() { _, _ = io.Copy(io.Discard, from) }()
			return address
		}
	}
	t.Fatalf("the node ended:\n%s", said)
	return ""
}

var (
	// refused is a command that is to end in an exit code.
	refused = regexp.MustCompile(`^(.*?) *# error, exit code (\d)$`)
	// own is what only the reader has; what no command can be given without it.
	own = regexp.MustCompile(`\bnet\.onnx\b|\bbin/manx up\b|^make build$`)
)

// commands is what README.md has the reader type between "By hand" and "Using it in
// scripts", with the node of its first block running.
func commands(readme string) string {
	_, readme, _ = strings.Cut(readme, "\n## By hand\n")
	readme, _, _ = strings.Cut(readme, "\n## Using it in scripts\n")
	readme = strings.ReplaceAll(readme, "http://127.0.0.1:8420", "$MANX_NODE")
	script := "set -exo pipefail\ntrap 'kill $(jobs -p) || true' EXIT\n"
	for block := range strings.SplitSeq(readme, "\n\n") {
		if !strings.HasPrefix(block, "    ") || strings.HasPrefix(block, "    manx ") {
			continue
		}
		beside := false // something was started that takes its time
		for line := range strings.SplitSeq(block, "\n") {
			if line = strings.TrimPrefix(line, "    "); own.MatchString(line) {
				continue
			}
			line = refused.ReplaceAllString(line, "rc=0; $1 || rc=$$?; [ $$rc = $2 ]")
			line, _, _ = strings.Cut(line, "  #")
			if beside {
				line = "for try in {1..60}; do " + line + " && break; sleep 1; done; [ $try -lt 60 ]"
			}
			script += line + "\n"
			beside = beside || strings.HasSuffix(strings.TrimSpace(line), "&")
		}
	}
	return script
}
