package web_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"manx/test/apicheck"
	"manx/test/webtest"
)

// What is served is described, and what is described is served.
func TestEveryRouteIsDescribed(t *testing.T) {
	d, err := apicheck.Load()
	if err != nil {
		t.Fatal(err)
	}
	engine, ok := webtest.Start(t, webtest.Options{}).Plain.(*gin.Engine)
	if !ok {
		t.Fatal("the handler is no gin.Engine: its routes cannot be told")
	}
	var served, described []string
	name := regexp.MustCompile(`:([a-z]+)`)
	for _, r := range engine.Routes() {
		served = append(served, r.Method+" "+name.ReplaceAllString(r.Path, "{$1}"))
	}
	for _, o := range d.Operations {
		described = append(described, o.Method+" "+o.Path)
	}
	for _, r := range served {
		if !slices.Contains(described, r) {
			t.Errorf("%s is served and not described: web/api/openapi", r)
		}
	}
	for _, o := range described {
		if !slices.Contains(served, o) {
			t.Errorf("%s is described and not served", o)
		}
	}
}

// Every POST says why it may be sent again after a lost answer, or takes a key for that.
func TestEveryPostMayBeRepeated(t *testing.T) {
	d, err := apicheck.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range d.Operations {
		keyed := slices.ContainsFunc(o.Params, func(p apicheck.Param) bool { return p.Name == "Idempotency-Key" })
		if o.Method == "POST" && keyed == (o.Idempotent != "") {
			t.Errorf("%s %s takes an Idempotency-Key: %t, and is done once %q", o.Method, o.Path, keyed, o.Idempotent)
		}
		if keyed && strings.Contains(o.Path, "{") {
			t.Errorf("%s: the request that a key stands for is told apart by its route alone", o.Path)
		}
	}
}
