// Package readme runs what README.md says by hand, as a reader at a terminal would.
package readme
