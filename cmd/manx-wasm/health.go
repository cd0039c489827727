//go:build js && wasm && !credit

package main

import "manx/cmd/manx-wasm/desk"

// calls are those of the module that has nothing of credit in it.
func calls() desk.Calls { return desk.Health() }
