package api

import (
	"errors"
	"net/http"

	"manx/privacy/notice"
)

// A Problem is an error on the wire (RFC 9457).
type Problem struct {
	Type      string `json:"type"` // urn:manx:notice:<kind>
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Hint      string `json:"hint,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

const urn = "urn:manx:notice:"

// ProblemOf returns err as it may cross the wire: its notice, or "internal
// error".
func ProblemOf(err error, requestID string) Problem {
	n := notice.From(err)
	return Problem{Type: urn + n.Kind.String(), Title: n.Kind.String(), Status: status(n.Kind),
		Detail: n.Text, Hint: n.Hint, RequestID: requestID}
}

// A Request is the cause of a notice that a node answered with: the id under which its
// operator finds it in the node's log.
type Request string

// Error implements error.
func (r Request) Error() string { return "request " + string(r) }

// RequestOf returns the id of the request that err is the answer to, "" where no node
// answered.
func RequestOf(err error) string {
	r, _ := errors.AsType[Request](err)
	return string(r)
}

// Notice returns the notice a problem carries. Its cause is the Request.
func (p Problem) Notice() *notice.Error {
	kind := notice.Internal
	if len(p.Type) > len(urn) {
		kind = notice.KindOf(p.Type[len(urn):])
	}
	if kind == notice.Internal {
		return notice.Because(Request(p.RequestID), kind, "the exchange failed to answer (request "+p.RequestID+")",
			"try again; if it goes on, tell the operator the request id")
	}
	return notice.Because(Request(p.RequestID), kind, p.Detail, p.Hint)
}

func status(k notice.Kind) int {
	switch k {
	case notice.Invalid:
		return http.StatusBadRequest
	case notice.Denied:
		return http.StatusForbidden
	case notice.NotFound:
		return http.StatusNotFound
	case notice.Conflict:
		return http.StatusConflict
	case notice.Expired:
		return http.StatusGone
	case notice.Exhausted:
		return http.StatusTooManyRequests
	case notice.Unavailable:
		return http.StatusServiceUnavailable
	case notice.Integrity, notice.Unsupported:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}
