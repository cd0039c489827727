// Package deploy holds the data that starts the real parts: pinned programs and
// configuration templates. It has no logic: that is cmd/real.
package deploy

import "embed"

// Files is everything under fabric and ipfs. A program's module files are named
// tools.mod and tools.sum there, because Go embeds nothing of a nested module.
//
//go:embed all:fabric all:ipfs
var Files embed.FS
