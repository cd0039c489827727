// Package notice holds the only error text that may cross a trust boundary.
//
// Every other error is for operators: it is logged where it happened and
// reaches the outside as "internal error". A notice never quotes a record: no
// name, no identifier, no value from a study or a file. It does not log.
package notice

import (
	"encoding/json"
	"errors"
)

// A Kind is what a caller can act on. Values travel on the wire: append only.
type Kind uint8

// The kinds, in wire order.
const (
	Internal    Kind = iota // a fault of ours; never explained
	Invalid                 // the request or the input cannot be right
	Denied                  // no grant, consent or key covers it
	NotFound                // absent, or hidden from this party
	Conflict                // somebody else moved first, or the state does not allow it
	Expired                 // a grant, pass, command or escrow ran out
	Exhausted               // a budget, quota or bound is spent
	Unavailable             // try again later
	Integrity               // bytes are not what their digest, tag or proof says
	Unsupported             // well formed, but outside what this software covers
	Partial                 // some of it was done; the text says which part was not
)

var names = [...]string{"internal", "invalid", "denied", "not-found", "conflict", "expired", "exhausted", "unavailable", "integrity", "unsupported", "partial"}

// String returns the stable name of k, as used in JSON.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return names[Internal]
}

// KindOf returns the kind with a name, or Internal.
func KindOf(name string) Kind {
	for i, n := range names {
		if n == name {
			return Kind(i)
		}
	}
	return Internal
}

// An Error is safe to show: Text says what happened and where, Hint what to do
// next (a command, where there is one).
type Error struct {
	Kind Kind
	Text string
	Hint string

	cause error
}

// MarshalJSON writes kind, by its name, text and hint; never the cause.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"kind": e.Kind.String(), "text": e.Text, "hint": e.Hint})
}

// UnmarshalJSON reads what MarshalJSON wrote, and what was kept before there was one: the
// kind as its number. A kind that is not known here is Internal.
func (e *Error) UnmarshalJSON(b []byte) error {
	var w struct {
		Kind json.RawMessage `json:"kind"`
		Text string          `json:"text"`
		Hint string          `json:"hint"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*e = Error{Text: w.Text, Hint: w.Hint}
	var name string
	if json.Unmarshal(w.Kind, &name) == nil {
		e.Kind = KindOf(name)
	} else if json.Unmarshal(w.Kind, &e.Kind) != nil || int(e.Kind) >= len(names) {
		e.Kind = Internal
	}
	return nil
}

// Error returns Text alone; the cause stays private.
func (e *Error) Error() string { return e.Text }

// Unwrap gives operators the cause; Error never prints it.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, &Error{Kind: k}) match by kind when target has no text.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Text == "" && t.Kind == e.Kind
}

// New returns a notice without a cause.
func New(k Kind, text, hint string) *Error { return &Error{Kind: k, Text: text, Hint: hint} }

// Because returns a notice whose cause stays private.
func Because(cause error, k Kind, text, hint string) *Error {
	return &Error{Kind: k, Text: text, Hint: hint, cause: cause}
}

// From returns the notice in err's chain, or an Internal one that hides err.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Because(err, Internal, "internal error", "quote the request ID to the operator")
}

// Is reports whether err's chain holds a notice of kind k.
func Is(err error, k Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == k
}
