// Package privacy holds the two types that keep data from leaving by accident:
// Secret, which does not print, and Released, which only Release makes. The
// tools that seal, encrypt and prove are its subpackages.
package privacy

import (
	"fmt"
	"log/slog"

	"manx/privacy/reveal"
)

// A Secret prints, logs and marshals as "[secret]". The value hides in a
// closure because fmt prints unexported fields without asking their methods.
type Secret[T any] struct{ get func() T }

// Hide wraps v.
func Hide[T any](v T) Secret[T] { return Secret[T]{func() T { return v }} }

// Reveal returns the value to a package allowed to import reveal. The zero
// Secret reveals the zero value.
func (s Secret[T]) Reveal(reveal.Token) (v T) {
	if s.get == nil {
		return v
	}
	return s.get()
}

// Format implements fmt.Formatter.
func (Secret[T]) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[secret]") }

// LogValue implements slog.LogValuer.
func (Secret[T]) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText implements encoding.TextMarshaler.
func (Secret[T]) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
