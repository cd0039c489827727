package ui

import "strings"

// pages are the first parts of the paths that the portal has pages at: those of
// src/pages/*/rooms.ts. Any other path is answered with 404.
func pages() []string {
	return append(strings.Fields(`
	activity agree ask asked budget builds consent contract contracts earnings event file finding held jobs keys letter log model
	offer offers people portfolio publish repay request score stake training trainings upload verify view
`), "")
}
