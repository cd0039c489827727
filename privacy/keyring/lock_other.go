//go:build !unix

package keyring

import "os"

// lockFile does nothing where there is no flock: a browser's tab is alone with
// its keyring.
func lockFile(*os.File) error { return nil }
