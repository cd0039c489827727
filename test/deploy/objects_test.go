package deploy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An object is what the tests read of one.
type object struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Data map[string]string
	Spec struct {
		Replicas    *int
		ServiceName string
		Selector    map[string]any // a Service's, or a StatefulSet's
		PodSelector labels
		PolicyTypes []string
		Ingress     []map[string]any
		Template    struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		ScaleTargetRef struct{ Kind, Name string }
		Advanced       struct{ ScalingModifiers struct{ Formula string } }
		Triggers       []struct {
			Type, Name string
			Metadata   map[string]string
		}
	}
}

type labels struct{ MatchLabels map[string]string }

type pod struct {
	Containers   []container
	NodeSelector map[string]string
}

type container struct {
	Name, Image   string
	Command, Args []string
	Env           []struct {
		Name, Value string
		ValueFrom   map[string]any
	}
	Ports     []struct{ Name string }
	Resources struct{ Requests, Limits map[string]any }
}

func (o object) containers() []container { return o.Spec.Template.Spec.Containers }

// selects returns whom an object's selector names, as labels.
func (o object) selects() map[string]string {
	m := o.Spec.Selector
	if inner, ok := m["matchLabels"].(map[string]any); ok {
		m = inner
	}
	out := map[string]string{}
	for k, v := range m {
		out[k], _ = v.(string)
	}
	return out
}

func matches(want, have map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// cross checks what one object says of another.
func cross(t *testing.T, objects []object) {
	t.Helper()
	var sets []object
	named := map[string]object{}
	for _, o := range objects {
		named[o.Kind+"/"+o.Metadata.Name] = o
		if o.Kind == "StatefulSet" {
			sets = append(sets, o)
		}
	}
	for _, o := range objects {
		who := o.Kind + "/" + o.Metadata.Name
		hit := func(want map[string]string) (n int) {
			for _, s := range sets {
				if matches(want, s.Spec.Template.Metadata.Labels) {
					n++
				}
			}
			return n
		}
		switch o.Kind {
		case "Service", "PodDisruptionBudget", "StatefulSet":
			if n := hit(o.selects()); n != 1 {
				t.Errorf("%s selects the pods of %d sets", who, n)
			}
		case "NetworkPolicy":
			if hit(o.Spec.PodSelector.MatchLabels) == 0 {
				t.Errorf("%s is for no pod", who)
			}
		case "ScaledObject":
			if _, ok := named[o.Spec.ScaleTargetRef.Kind+"/"+o.Spec.ScaleTargetRef.Name]; !ok {
				t.Errorf("%s scales %s, which is not there", who, o.Spec.ScaleTargetRef.Name)
			}
		}
		if o.Kind != "StatefulSet" {
			continue
		}
		if _, ok := named["Service/"+o.Spec.ServiceName]; !ok {
			t.Errorf("%s has no service %s", who, o.Spec.ServiceName)
		}
		for _, c := range o.containers() {
			if c.Resources.Requests["cpu"] == nil || c.Resources.Requests["memory"] == nil || c.Resources.Limits["memory"] == nil {
				t.Errorf("%s: %s has no bounds", who, c.Name)
			}
		}
	}
}

// TestWorkersAreReachedByNobody: every policy that is for workers lets nothing in, one
// of them covers both directions, and a worker opens no port.
func TestWorkersAreReachedByNobody(t *testing.T) {
	for _, name := range all(t) {
		if name == "open-network.yaml" {
			continue // what it is for
		}
		objects := variant(t, name)
		for _, w := range objects {
			pod := w.Spec.Template.Metadata.Labels
			if pod["manx/part"] != "worker" {
				continue
			}
			refused := false
			for _, p := range objects {
				if p.Kind != "NetworkPolicy" || !matches(p.Spec.PodSelector.MatchLabels, pod) {
					continue
				}
				if len(p.Spec.Ingress) > 0 {
					t.Errorf("%s: %s lets somebody reach %s", name, p.Metadata.Name, w.Metadata.Name)
				}
				refused = refused || slices.Contains(p.Spec.PolicyTypes, "Ingress")
			}
			if !refused {
				t.Errorf("%s: nothing keeps others from %s", name, w.Metadata.Name)
			}
			for _, c := range w.containers() {
				if len(c.Ports) > 0 {
					t.Errorf("%s: %s opens a port", name, w.Metadata.Name)
				}
			}
		}
	}
}

func TestGPUWorkersAskForGPUs(t *testing.T) {
	found := false
	for _, o := range variant(t, "gpu.yaml") {
		if o.Kind != "StatefulSet" || !strings.HasSuffix(o.Metadata.Name, "-worker-gpu") {
			continue
		}
		found = true
		if c := o.containers()[0]; c.Resources.Limits["nvidia.com/gpu"] == nil {
			t.Error("no GPU is asked for")
		}
		if c := o.containers()[0]; !slices.Contains(c.Args, "--gpu=/manx-gpu") {
			t.Errorf("a pod whose image has no manx-gpu would use the processor and say nothing: %q", c.Args)
		}
		if len(o.Spec.Template.Spec.NodeSelector) == 0 {
			t.Error("it may run anywhere")
		}
	}
	if !found {
		t.Error("there is no GPU worker")
	}
}

// TestWorkersFollowTheQueue: what KEDA reads is what the queue has.
func TestWorkersFollowTheQueue(t *testing.T) {
	scaled := 0
	objects := variant(t, "autoscale.yaml")
	for _, o := range objects {
		if o.Kind != "ScaledObject" {
			continue
		}
		scaled++
		for _, g := range o.Spec.Triggers {
			if !strings.Contains(o.Spec.Advanced.ScalingModifiers.Formula, g.Name) {
				t.Errorf("%s asks for %s and does not use it", o.Metadata.Name, g.Name)
			}
			host, _, _ := strings.Cut(g.Metadata["natsServerMonitoringEndpoint"]+strings.TrimPrefix(g.Metadata["url"], "http://"), ".")
			if !slices.ContainsFunc(objects, func(s object) bool { return s.Kind == "Service" && s.Metadata.Name == host }) {
				t.Errorf("%s asks %s, which is not there", o.Metadata.Name, host)
			}
		}
		for _, s := range objects {
			if s.Kind == "StatefulSet" && s.Metadata.Name == o.Spec.ScaleTargetRef.Name && s.Spec.Replicas != nil {
				t.Errorf("%s says how many it is, against its scaler", s.Metadata.Name)
			}
		}
	}
	if scaled == 0 {
		t.Error("nothing is scaled")
	}
}

var made string // the folder of manx

// manx builds the binary once.
var manx = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "manx-deploy-")
	if err != nil {
		return "", err
	}
	made = dir
	file := filepath.Join(dir, "manx")
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", file, "../../cmd/manx").CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return file, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if made != "" {
		_ = os.RemoveAll(made)
	}
	os.Exit(code)
}

// takes reports what manx says against a command line, "" for nothing: with --help,
// it reads all flags before and does nothing.
func takes(t *testing.T, args ...string) string {
	t.Helper()
	file, err := manx()
	if err != nil {
		t.Fatal(file, err)
	}
	cmd := exec.CommandContext(t.Context(), file, append(slices.Clone(args), "--help")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out)
	}
	if !strings.Contains(string(out), "Usage:\n  manx "+strings.Join(words(args), " ")) {
		return "no such command"
	}
	return ""
}

// words are a command's, without its flags.
func words(args []string) (out []string) {
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			break
		}
		out = append(out, a)
	}
	return out
}

// TestChartRunsWhatManxHas: every command and flag of the chart is one of manx.
func TestChartRunsWhatManxHas(t *testing.T) {
	if said := takes(t, "up", "--nonsense"); said == "" {
		t.Fatal("a flag that is not there passes")
	}
	if said := takes(t, "worker", "nonsense"); said == "" {
		t.Fatal("a command that is not there passes")
	}
	ran := 0
	for _, name := range all(t) {
		for _, o := range variant(t, name) {
			for _, c := range o.containers() {
				if !strings.HasPrefix(c.Image, "manx:") && !strings.Contains(c.Image, "/manx:") {
					continue
				}
				ran++
				if said := takes(t, c.Args...); said != "" {
					t.Errorf("%s: manx %s: %s", name, strings.Join(c.Args, " "), said)
				}
			}
		}
	}
	if ran < 4 {
		t.Errorf("%d containers run manx", ran)
	}
}
