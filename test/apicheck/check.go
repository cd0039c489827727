package apicheck

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxBody is above every body of the interface; what is longer is not looked at.
const maxBody = 16 << 20

// Wrap returns a handler that reports what the description does not say: an address, a
// status, a header or a body that it does not have; a request that breaks it and is
// served all the same; and an answer without what every answer has.
func Wrap(h http.Handler, report func(format string, args ...any)) http.Handler {
	d, err := Load()
	if err != nil {
		report("the description of the interface: %v", err)
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Read as far as a body may go, and passed on with what is left of it.
		body, rerr := io.ReadAll(io.LimitReader(r.Body, maxBody))
		rest := r.Body
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), failing{rest, rerr}), rest}
		asked := &http.Request{Method: r.Method, URL: r.URL, Header: r.Header.Clone()}
		t := &tee{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(t, r)
		for _, wrong := range d.Check(asked, body, t.status, t.Header(), t.kept.Bytes()) {
			report("%s %s, %d: %s", r.Method, r.URL.Path, t.status, wrong)
		}
	})
}

// failing gives the error that reading a body met, or goes on with it.
type failing struct {
	io.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Reader.Read(p)
}

// tee keeps what is written.
type tee struct {
	http.ResponseWriter
	status int
	wrote  bool
	kept   bytes.Buffer
}

func (t *tee) WriteHeader(status int) {
	if !t.wrote {
		t.status, t.wrote = status, true
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *tee) Write(b []byte) (int, error) {
	t.wrote = true
	if t.kept.Len()+len(b) <= maxBody {
		t.kept.Write(b)
	}
	return t.ResponseWriter.Write(b)
}

// Flush implements http.Flusher, for streams.
func (t *tee) Flush() {
	t.wrote = true
	if f, ok := t.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap lets http.ResponseController through.
func (t *tee) Unwrap() http.ResponseWriter { return t.ResponseWriter }

var (
	requestID = regexp.MustCompile(`^[0-9a-f]{16}$`)
	rateLimit = regexp.MustCompile(`^"(session|address|sign-in)";r=[0-9]+;t=[0-9]+$`)
	ratePlan  = regexp.MustCompile(`^"(session|address|sign-in)";q=[0-9]+;w=[0-9]+$`)
)

// Find returns the operation that a request asks for, or nil.
func (d *Document) Find(method, path string) *Operation {
	for _, o := range d.Operations {
		if o.Method == method && o.pattern.MatchString(path) {
			return o
		}
	}
	return nil
}

// Check returns what is wrong with one request and its answer.
func (d *Document) Check(r *http.Request, body []byte, status int, h http.Header, got []byte) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !requestID.MatchString(h.Get("X-Request-ID")) || h.Get("X-Content-Type-Options") != "nosniff" {
		say("it has no request id, or content may be sniffed")
	}
	o := d.Find(r.Method, r.URL.Path)
	under := strings.HasPrefix(r.URL.Path, "/v1/")
	if under && status != http.StatusInternalServerError && status != http.StatusServiceUnavailable && (!ratePlan.MatchString(h.Get("RateLimit-Policy")) || !rateLimit.MatchString(h.Get("RateLimit"))) {
		say("RateLimit is %q, of %q", h.Get("RateLimit"), h.Get("RateLimit-Policy"))
	}
	if under && !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		say("no Content-Security-Policy")
	}
	if o == nil {
		if under && status < 400 {
			say("it is served and not described")
		}
		if under && r.Method != http.MethodHead {
			wrong = append(wrong, d.problem(h, got)...)
		}
		return wrong
	}
	if status < 400 {
		if why := o.refuses(r, body); why != "" {
			say("it breaks the description and is served: %s", why)
		}
		if !o.Open && !o.Optional && r.Header.Get("Authorization") == "" {
			say("it needs a session and is served without")
		}
	}
	return append(wrong, o.answer(r.Method, status, h, got)...)
}

// problem holds an answer that no operation describes against the problems of all.
func (d *Document) problem(h http.Header, got []byte) []string {
	for _, o := range d.Operations {
		if a, ok := o.answers["default"]; ok && o.Method != http.MethodHead {
			return a.body(h, got)
		}
	}
	return []string{"the description has no problems"}
}

// refuses returns what of a request the operation does not describe, "" for nothing.
func (o *Operation) refuses(r *http.Request, body []byte) string {
	path := map[string]string{}
	for i, v := range o.pattern.FindStringSubmatch(r.URL.Path) {
		path[o.pattern.SubexpNames()[i]] = v
	}
	asked := r.URL.Query()
	for _, p := range o.Params {
		value, has := "", false
		switch p.In {
		case "path":
			value, has = path[p.Name], true
		case "query":
			value, has = asked.Get(p.Name), asked.Has(p.Name)
			asked.Del(p.Name)
		default:
			value, has = r.Header.Get(p.Name), r.Header.Values(p.Name) != nil
		}
		if !has {
			if p.required {
				return p.Name + " is missing"
			}
			continue
		}
		if err := text(p.schema, value, p.number); err != nil {
			return fmt.Sprintf("%s: %v", p.Name, err)
		}
	}
	for name := range asked {
		return name + " is no parameter"
	}
	if len(body) == 0 {
		if o.must && r.Method != http.MethodPut {
			return "it has no body"
		}
		return ""
	}
	if o.bodies == nil {
		return "it has a body"
	}
	typ := mediaType(r.Header)
	s, ok := o.bodies[typ]
	if typ == "" && len(o.bodies) == 1 { // what tests that write requests by hand leave out
		for _, s = range o.bodies {
			ok = true
		}
	}
	if !ok {
		return fmt.Sprintf("its body is %q", typ)
	}
	if s == nil {
		return ""
	}
	v, err := decode(body)
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		return fmt.Sprintf("its body: %v", err)
	}
	return ""
}

// text holds the text of a parameter or a header against its schema.
func text(s *jsonschema.Schema, value string, number bool) error {
	var v any = value
	if number {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return err
		}
		v = n
	}
	return s.Validate(v)
}

func mediaType(h http.Header) string {
	typ, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return typ
}

// answer returns what of an answer the operation does not describe.
func (o *Operation) answer(method string, status int, h http.Header, got []byte) (wrong []string) {
	a, ok := o.answers[strconv.Itoa(status)]
	if !ok && status >= 400 {
		a, ok = o.answers["default"]
	}
	if !ok {
		return []string{"this status is not described"}
	}
	for name, s := range a.headers {
		switch values := h.Values(name); {
		case len(values) == 0 && name == "ETag":
			wrong = append(wrong, "it has no ETag")
		case len(values) > 0:
			if err := text(s, values[0], a.numbers[name]); err != nil {
				wrong = append(wrong, fmt.Sprintf("header %s: %v", name, err))
			}
		}
	}
	for _, name := range []string{"ETag", "Link", "Location", "Idempotency-Replayed"} {
		if _, said := a.headers[name]; !said && h.Get(name) != "" {
			wrong = append(wrong, "it has a header "+name+" that is not described")
		}
	}
	if method == http.MethodHead || status == http.StatusNotModified || status == http.StatusNoContent {
		if len(got) > 0 && method != http.MethodHead {
			wrong = append(wrong, "it has a body")
		}
		return wrong
	}
	if o.data != nil && status == http.StatusOK {
		return append(wrong, o.stream(got)...)
	}
	return append(wrong, a.body(h, got)...)
}

// body holds an answer's body against what is described.
func (a answer) body(h http.Header, got []byte) []string {
	if len(a.bodies) == 0 {
		if len(got) > 0 {
			return []string{"it has a body"}
		}
		return nil
	}
	typ := mediaType(h)
	s, ok := a.bodies[typ]
	if !ok {
		return []string{fmt.Sprintf("its body is %q", h.Get("Content-Type"))}
	}
	if s == nil || !strings.Contains(typ, "json") {
		return nil
	}
	v, err := decode(got)
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		return []string{fmt.Sprintf("its body: %v: %.300s", err, got)}
	}
	return nil
}

// stream holds every whole event against its schema.
func (o *Operation) stream(got []byte) (wrong []string) {
	for event := range strings.SplitAfterSeq(string(got), "\n\n") {
		if !strings.HasSuffix(event, "\n\n") || strings.HasPrefix(event, ":") {
			continue
		}
		head, data, ok := strings.Cut(strings.TrimSuffix(event, "\n\n"), "\ndata: ")
		if !ok || !strings.HasPrefix(head, "id: ") {
			wrong = append(wrong, fmt.Sprintf("no event: %.200s", event))
			continue
		}
		v, err := decode([]byte(data))
		if err == nil {
			err = o.data.Validate(v)
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("an event: %v: %.200s", err, data))
		}
	}
	return wrong
}
