package apicheck_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"manx/test/apicheck"
)

const problem = `{"type":"urn:manx:notice:denied","title":"denied","status":%d,"detail":"no","request_id":"0123456789abcdef"}`

// The check can fail: each wrong exchange is found, each right one passes.
func TestTheCheckBites(t *testing.T) {
	page := `{"items":[{"id":"x"}],"next":7}`
	command := `{"network":"` + strings.Repeat("0", 32) + `","id":"` + strings.Repeat("1", 32) + `","name":"n","author":"a","not_after":1,"body":"e30=","sig":"AA=="}`
	good := map[string]string{"ETag": `"1"`}
	for name, c := range map[string]struct {
		method, path, body string
		signedIn           bool
		status             int
		typ, answer        string
		header             map[string]string
		wrong              string // part of what is found; "" for nothing
	}{
		"a list":                          {"GET", "/v1/me/coin?limit=5", "", true, 200, "application/json", page, good, ""},
		"a list with an unknown field":    {"GET", "/v1/me/coin", "", true, 200, "application/json", `{"items":[],"more":1}`, good, "additional properties 'more'"},
		"a list without its ETag":         {"GET", "/v1/me/coin", "", true, 200, "application/json", page, nil, "no ETag"},
		"a list as text":                  {"GET", "/v1/me/coin", "", true, 200, "text/plain", page, good, `its body is "text/plain"`},
		"a list of an unknown word":       {"GET", "/v1/me/other", "", true, 200, "application/json", page, good, "word"},
		"a list of too many":              {"GET", "/v1/me/coin?limit=501", "", true, 200, "application/json", page, good, "limit"},
		"too many, refused":               {"GET", "/v1/me/coin?limit=501", "", true, 400, "application/problem+json", fmt.Sprintf(problem, 400), nil, ""},
		"a parameter of no description":   {"GET", "/v1/me/coin?other=1", "", true, 200, "application/json", page, good, "no parameter"},
		"a list without a session":        {"GET", "/v1/me/coin", "", false, 200, "application/json", page, good, "served without"},
		"an address of no description":    {"GET", "/v1/other", "", true, 200, "application/json", "{}", nil, "not described"},
		"nothing there, as text":          {"GET", "/v1/other", "", true, 404, "text/plain", "404", nil, "its body"},
		"nothing there":                   {"GET", "/v1/other", "", true, 404, "application/problem+json", fmt.Sprintf(problem, 404), nil, ""},
		"a status of no description":      {"GET", "/v1/me/coin", "", true, 206, "application/json", page, good, "status"},
		"a header of no description":      {"POST", "/v1/commands", command, false, 200, "application/json", `{"height":1}`, good, "ETag that is not described"},
		"a command":                       {"POST", "/v1/commands", command, false, 200, "application/json", `{"height":1}`, nil, ""},
		"no command":                      {"POST", "/v1/commands", "{}", false, 200, "application/json", `{"height":1}`, nil, "its body"},
		"a job without its address":       {"POST", "/v1/commands", command, false, 202, "application/json", `{"height":-1}`, nil, "height"},
		"a problem with a kind to come":   {"GET", "/v1/me/coin", "", true, 403, "application/problem+json", strings.Replace(fmt.Sprintf(problem, 403), "notice:denied", "notice:odd", 1), nil, "type"},
		"a problem that says more":        {"GET", "/v1/me/coin", "", true, 500, "application/problem+json", strings.Replace(fmt.Sprintf(problem, 500), `"detail"`, `"cause":"disk","detail"`, 1), nil, "cause"},
		"unchanged":                       {"GET", "/v1/me/coin", "", true, 304, "", "", good, ""},
		"unchanged with a body":           {"GET", "/v1/me/coin", "", true, 304, "", "x", good, "body"},
		"events":                          {"GET", "/v1/events", "", true, 200, "text/event-stream", ": still here\n\nid: 1\ndata: {\"height\":1,\"name\":\"n\",\"key\":\"k\",\"cause\":\"" + strings.Repeat("0", 32) + "\"}\n\nid: 2\nda", nil, ""},
		"events of no description":        {"GET", "/v1/events", "", true, 200, "text/event-stream", "id: 1\ndata: {\"height\":1}\n\n", nil, "event"},
		"outside of /v1 nothing is asked": {"GET", "/upload", "", false, 200, "text/html", "<html>", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			h := apicheck.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("X-Request-ID", "0123456789abcdef")
				w.Header().Set("X-Content-Type-Options", "nosniff")
				w.Header().Set("RateLimit-Policy", `"session";q=5;w=5`)
				w.Header().Set("RateLimit", `"session";r=4;t=1`)
				w.Header().Set("Content-Security-Policy", "default-src 'none'")
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				if c.typ != "" {
					w.Header().Set("Content-Type", c.typ)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}), func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) })
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
			if c.signedIn {
				r.Header.Set("Authorization", "Bearer x")
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			switch all := strings.Join(found, "\n"); {
			case c.wrong == "" && all != "":
				t.Error(all)
			case !strings.Contains(all, c.wrong):
				t.Errorf("%q is not found in %q", c.wrong, all)
			}
		})
	}
}

// Every answer has what every answer has.
func TestTheCheckAsksForHeaders(t *testing.T) {
	var found []string
	h := apicheck.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }),
		func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/v1/sessions/current", nil))
	all := strings.Join(found, "\n")
	for _, want := range []string{"no request id", "RateLimit", "Content-Security-Policy", "served without"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not found in %q", want, all)
		}
	}
}
