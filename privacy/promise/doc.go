// Package promise waits for JavaScript's promises, in a browser; elsewhere it is empty.
package promise
