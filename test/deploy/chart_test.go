package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"manx/cmd/real/tools"
)

const (
	chart     = "../../deploy/k8s/manx"
	variants  = "../../deploy/k8s/variants"
	namespace = "manx"

	// KEDA's own definitions of its objects, from its module.
	keda    = "github.com/kedacore/keda/v2@v2.18.0"
	kedaSum = "h1:ttR223fii/4QJ0YvtrhcWHaEoezByb/t5CeFopjl6EI="
)

// programs builds helm and the checker once, and fetches KEDA's definitions. It skips
// where the network has none of them.
var programs = sync.OnceValues(func() (p struct{ helm, check, crd string }, err error) {
	var files [3][]byte
	for i, name := range []string{"go.mod", "go.sum", "main.go"} {
		if files[i], err = os.ReadFile(filepath.Join("check", name)); err != nil {
			return p, err
		}
	}
	dir, err := tools.Build(context.Background(), tools.Tool{
		Name: "kubernetes", Mod: files[0], Sum: files[1], Packages: []string{"helm.sh/helm/v3/cmd/helm", "kubetool/check"},
		Sources: []tools.Source{{Name: "main.go", Text: files[2]}},
	})
	if err != nil {
		return p, err
	}
	cmd := exec.Command("go", "mod", "download", "-json", keda)
	cmd.Dir = os.TempDir() // outside of this module
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if err := json.Unmarshal(out, &got); err != nil || got.Sum != kedaSum {
		return p, &exec.Error{Name: keda, Err: os.ErrNotExist}
	}
	p.helm, p.check = filepath.Join(dir, "helm"), filepath.Join(dir, "check")
	p.crd = filepath.Join(got.Dir, "config/crd/bases/keda.sh_scaledobjects.yaml")
	return p, err
})

// render returns the chart's text for a file of values, or helm's complaint.
func render(t *testing.T, args ...string) (text []byte, complaint string) {
	t.Helper()
	p, err := programs()
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), p.helm, append([]string{"template", "exchange", chart, "--namespace", namespace, "--kube-version", "1.34.0"}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, errs.String()
	}
	return out.Bytes(), ""
}

// checked returns the objects of a text, or what is wrong with them.
func checked(t *testing.T, text []byte) (objects []object, wrong string) {
	t.Helper()
	p, err := programs()
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), p.check, "-crd", p.crd, "-namespace", namespace)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		return nil, string(out)
	}
	if err := json.Unmarshal(out, &objects); err != nil {
		t.Fatal(err)
	}
	return objects, ""
}

// variant returns the objects of a file of values; "" is the chart's own.
func variant(t *testing.T, name string) []object {
	t.Helper()
	var args []string
	if name != "" {
		args = []string{"--values", filepath.Join(variants, name)}
	}
	text, complaint := render(t, args...)
	if complaint != "" {
		t.Fatal(complaint)
	}
	objects, wrong := checked(t, text)
	if wrong != "" {
		t.Fatal(wrong)
	}
	if len(objects) < 10 {
		t.Fatalf("%d objects: the chart has more", len(objects))
	}
	return objects
}

// all are the chart's own values and every variant that deploy/k8s/README.md tells of.
func all(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(variants, "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d variants, %v", len(files), err)
	}
	readme, err := os.ReadFile("../../deploy/k8s/README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{""}
	for _, f := range files {
		name := filepath.Base(f)
		if !bytes.Contains(readme, []byte(name)) {
			t.Errorf("deploy/k8s/README.md does not tell what %s is", name)
		}
		names = append(names, name)
	}
	return names
}

func TestChartIsWhatAnAPIServerTakes(t *testing.T) {
	for _, name := range all(t) {
		t.Run("values "+name, func(t *testing.T) {
			objects := variant(t, name)
			seen := map[string]bool{}
			for _, o := range objects {
				if id := o.Kind + "/" + o.Metadata.Name; seen[id] {
					t.Errorf("%s is there twice", id)
				} else {
					seen[id] = true
				}
			}
			cross(t, objects)
		})
	}
}

// TestCheckBites shows that the checker refuses what it should.
func TestCheckBites(t *testing.T) {
	text, complaint := render(t, "--values", filepath.Join(variants, "autoscale.yaml"))
	if complaint != "" {
		t.Fatal(complaint)
	}
	for _, c := range []struct{ name, old, now, says string }{
		{"a field nobody knows", "automountServiceAccountToken: false", "automountServiceAcountToken: false", "unknown field"},
		{"a value of the wrong type", "replicas: 3", "replicas: three", "StatefulSet"},
		{"a rule of the server's", "whenUnsatisfiable: DoNotSchedule", "whenUnsatisfiable: Never", "whenUnsatisfiable"},
		{"a volume that is not there", "{name: tmp, mountPath: /tmp}", "{name: tmpp, mountPath: /tmp}", "volumeMounts"},
		{"a pod with rights", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "allowPrivilegeEscalation"},
		{"a pod as root", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"},
		{"KEDA's schema", "minReplicaCount: ", "minReplicaCount: x", "minReplicaCount"},
		{"a field KEDA has not", "pollingInterval:", "pollInterval:", "unknown field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := bytes.ReplaceAll(text, []byte(c.old), []byte(c.now))
			if bytes.Equal(broken, text) {
				t.Fatalf("%q is not in the chart", c.old)
			}
			if _, wrong := checked(t, broken); !strings.Contains(wrong, c.says) {
				t.Errorf("it says %q", wrong)
			}
		})
	}
}

// TestValuesAreRefused shows that a misspelt or impossible value is refused by helm.
func TestValuesAreRefused(t *testing.T) {
	for _, set := range []string{"exchange.lgo=info", "nats.replicas=2", "workers.cpu.replicas=many", "workers.CPU.enabled=true", "worker.passphrase=correct horse", "image.digest=latest", "passwords.node=secret"} {
		if _, complaint := render(t, "--set", set); !strings.Contains(complaint, "values don't meet the specifications") {
			t.Errorf("--set %s: %q", set, complaint)
		}
	}
}

// TestNoSecretIsInTheChart: Secrets are named, never made, and no variable of the
// environment holds one in clear.
func TestNoSecretIsInTheChart(t *testing.T) {
	for _, name := range all(t) {
		for _, o := range variant(t, name) {
			if o.Kind == "Secret" {
				t.Errorf("%s: the chart makes the Secret %s", name, o.Metadata.Name)
			}
			for _, c := range o.containers() {
				for _, e := range c.Env {
					if strings.Contains(e.Name, "PASSWORD") && (e.Value != "" || e.ValueFrom["secretKeyRef"] == nil) {
						t.Errorf("%s: %s of %s is not a reference", name, e.Name, o.Metadata.Name)
					}
				}
				if i := slices.IndexFunc(c.Args, func(a string) bool {
					return strings.Contains(a, "PASSWORD") || strings.Contains(a, "://") && strings.Contains(a, "@")
				}); i >= 0 {
					t.Errorf("%s: an argument of %s shows a password: %s", name, o.Metadata.Name, c.Args[i])
				}
			}
		}
	}
}
