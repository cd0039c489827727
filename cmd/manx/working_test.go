package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manx/ml/pool"
	"manx/privacy/notice"
)

func TestARunningWorkerIsReachedFromItsFolder(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	me := &terminal{data: dir, json: true, out: &out, err: io.Discard}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if err := me.idle(ctx, "/drain"); !notice.Is(err, notice.NotFound) {
		t.Errorf("no worker gave %v", err)
	}
	worker := new(pool.Control)
	if _, err := listenControl(ctx, dir, "0.0.0.0:0", worker, nil, nil, stop); !notice.Is(err, notice.Invalid) {
		t.Errorf("an address that others reach gave %v", err)
	}
	c, err := listenControl(ctx, dir, "127.0.0.1:0", worker, nil, nil, stop)
	if err != nil {
		t.Fatal(err)
	}
	if i, err := os.Stat(filepath.Join(dir, controlFile)); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("others may read the token: %v, %v", i, err)
	}
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/state": http.StatusForbidden, "/pool": http.StatusForbidden} {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer ")
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil || r.StatusCode != want || want == http.StatusOK && !strings.Contains(string(b), "manx_worker_draining 0") {
			t.Errorf("%s: %d %s", path, r.StatusCode, b)
		}
	}
	drains := func() bool {
		var b strings.Builder
		_ = worker.WriteMetrics(&b)
		return strings.Contains(b.String(), "\nmanx_worker_draining 1")
	}
	for _, args := range [][]string{{}, {"--resume"}} {
		d := drainCommand(me)
		d.SetArgs(args)
		if err := d.ExecuteContext(ctx); err != nil || drains() == (len(args) > 0) {
			t.Errorf("drain %v: %v; it drains: %v", args, err, drains())
		}
	}
	if err := me.workerWithdraw(t.Context()); err != nil || !drains() {
		t.Errorf("withdraw: %v", err)
	}
	<-ctx.Done() // it is told to stop
	c.close()
	if err := me.workerRun(t.Context(), workerFlags{metrics: "127.0.0.1:0", gpu: gpuNone}); !notice.Is(err, notice.Denied) {
		t.Errorf("a worker that has withdrawn starts: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, controlFile)); err == nil {
		t.Error("the address of a worker that has stopped is still told")
	}
}

func TestABenchIsKept(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	me := &terminal{data: dir, json: true, out: &out, err: io.Discard}
	if err := me.workerBench(t.Context()); err != nil {
		t.Fatal(err)
	}
	var said struct {
		Class pool.Class
		Rate  float64
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	kept, err := benched(t.Context(), dir)
	if err != nil || kept.Class != said.Class || kept.Rate != said.Rate {
		t.Errorf("said %+v, kept %+v, %v", said, kept, err)
	}
	if err := os.WriteFile(filepath.Join(dir, benchFile), []byte(`{"class":"gpu-80","rate":1e30}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := benched(t.Context(), dir); err != nil || again.Class != said.Class {
		t.Errorf("a class that this machine is not of: %+v, %v", again, err)
	}
}
