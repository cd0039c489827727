//go:build js && wasm

// Manx-wasm is the owner's side of the exchange in a browser's worker. It sets one
// global, manx, by which web/ui/src/worker calls the desk; files are those of the
// global fs that the worker made before it started the module. Started with the
// argument "apart" it does one thing under a passphrase instead (seal.ServeApart): the
// 256 MiB which that takes go with the instance.
package main

import (
	"context"
	"encoding/json"
	"os"
	"runtime/debug"
	"sync"
	"syscall/js"

	"manx/cmd/manx-wasm/desk"
	"manx/privacy/notice"
	"manx/privacy/seal"
)

// The tab's memory grows to the largest heap there ever was and never shrinks, so
// the collector runs early.
const collectAt = 40

func main() {
	if len(os.Args) > 1 && os.Args[1] == "apart" {
		q := js.Global().Get("asked")
		js.Global().Call("answer", seal.ServeApart(q.Get("do").String(), q.Get("text").String(), q.Get("bytes")))
		return
	}
	debug.SetGCPercent(collectAt)
	node := js.Global().Get("location").Get("origin").String()
	b := bridge{desk: desk.Of("/home", node, desk.Shared, calls), stop: map[int]context.CancelFunc{}}
	js.Global().Set("manx", map[string]any{"call": js.FuncOf(b.call), "stop": js.FuncOf(b.cancel)})
	js.Global().Get("ready").Invoke()
	select {}
}

// bridge carries calls between JavaScript and the desk.
type bridge struct {
	desk *desk.Desk
	mu   sync.Mutex
	stop map[int]context.CancelFunc
}

// call(id, name, json, progress, done): progress gets (stage, done, total), done
// gets (json) or (undefined, problem).
func (b *bridge) call(_ js.Value, args []js.Value) any {
	id, name, in, progress, done := args[0].Int(), args[1].String(), args[2].String(), args[3], args[4]
	ctx, stop := context.WithCancel(context.Background())
	b.mu.Lock()
	b.stop[id] = stop
	b.mu.Unlock()
	go func() {
		defer func() {
			b.mu.Lock()
			delete(b.stop, id)
			b.mu.Unlock()
			stop()
		}()
		out, err := b.desk.Call(ctx, name, json.RawMessage(in), func(p desk.Progress) { progress.Invoke(p.Stage, float64(p.Done), float64(p.Total)) })
		var text []byte
		if err == nil {
			text, err = json.Marshal(out)
		}
		if err != nil {
			p := desk.ProblemOf(err)
			problem := map[string]any{"kind": p.Kind, "text": p.Text, "hint": p.Hint, "request": p.Request}
			if p.Kind == notice.Internal.String() { // for the console of who is at the desk
				problem["cause"] = err.Error()
			}
			done.Invoke(js.Undefined(), problem)
			return
		}
		done.Invoke(string(text))
	}()
	return nil
}

// stop(id) cancels a call.
func (b *bridge) cancel(_ js.Value, args []js.Value) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	if stop, ok := b.stop[args[0].Int()]; ok {
		stop()
	}
	return nil
}
