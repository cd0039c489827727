//go:build js && wasm && credit

package main

import "manx/cmd/manx-wasm/desk"

// calls are those of the module that has nothing of health in it: -tags credit.
func calls() desk.Calls { return desk.Credit() }
