package desk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manx/cmd/manx-wasm/desk"
	"manx/health"
	"manx/health/phantom"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal/sealtest"
	"manx/test/webtest"
	"manx/web/api"
	"manx/web/owner"
)

const (
	name = "Zqxplant^Wanjiru"
	pass = "a passphrase of some length"
)

// a table is one desk and the calls that are made at it.
type table struct {
	*testing.T
	d *desk.Desk
}

// call makes a call whose answer is read as JSON, as the page does.
func (t table) call(name string, args map[string]any, into any) error {
	t.Helper()
	if args == nil {
		args = map[string]any{}
	}
	b, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	out, err := t.d.Call(t.Context(), name, b, func(desk.Progress) {})
	if err != nil {
		return err
	}
	if b, err = json.Marshal(out); err == nil && into != nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return nil
}

func (t table) must(name string, args map[string]any, into any) {
	t.Helper()
	if err := t.call(name, args, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func (t table) refuses(kind notice.Kind, name string, args map[string]any) {
	t.Helper()
	if err := t.call(name, args, nil); !notice.Is(err, kind) {
		t.Errorf("%s: %v, want %v", name, err, kind)
	}
}

func scan(t *testing.T, dir, of string, seed uint64, count int) string {
	t.Helper()
	s, err := phantom.New(phantom.Options{Seed: seed, PatientName: of, PatientID: of[:3], BirthDate: "19470811", Sex: "F", StudyDate: "20261103"})
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = s.WriteFolder(t.Context(), dir, 18, count)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestAPatientAtTheDesk goes from no keys to a shared scan and back from a lost device.
func TestAPatientAtTheDesk(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	at := table{t, desk.New(home, net.URL)}
	var s desk.Status
	if at.must("status", nil, &s); len(s.Accounts) > 0 || s.Open {
		t.Fatalf("before the first visit: %+v", s)
	}
	at.refuses(notice.Denied, "home", nil)
	at.refuses(notice.Invalid, "join", map[string]any{"passphrase": "short"})
	at.must("join", map[string]any{"passphrase": pass}, &s)
	if !s.Open || s.Party == "" {
		t.Fatalf("joined: %+v", s)
	}
	at.must("fund", nil, nil)

	ct, mixed := scan(t, filepath.Join(dir, "ct"), name, 3, 4), filepath.Join(dir, "mixed")
	scan(t, filepath.Join(mixed, "a"), name, 3, 3)
	scan(t, filepath.Join(mixed, "b"), "Other^Person", 4, 2)
	var found desk.Scan
	if at.must("scan", map[string]any{"paths": []string{mixed}}, &found); found.Mixed == "" || len(found.Rejected) != 2 {
		t.Errorf("two patients: %+v", found)
	}
	if strings.Contains(found.Mixed, "Wanjiru") {
		t.Error("the warning names a patient")
	}
	if at.must("scan", map[string]any{"paths": []string{ct}}, &found); len(found.Studies) != 1 || found.Studies[0].Name != name || found.Studies[0].Instances != 4 || found.Rejected == nil {
		t.Errorf("scan: %+v", found)
	}
	var before desk.Preview
	at.must("preview", map[string]any{"paths": []string{ct}}, &before)
	hidden := false
	for _, c := range before.Changes {
		if c.Keyword == "PatientName" {
			hidden = c.Before == name && !strings.Contains(c.After, "Wanjiru")
		}
	}
	if !hidden || len(before.PNG) == 0 {
		t.Errorf("the preview does not show the name and what comes in its place: %+v", before.Changes)
	}
	if len(before.Warnings) > 0 {
		t.Errorf("of a chest the preview warns %q", before.Warnings)
	}
	head := scan(t, filepath.Join(dir, "head"), name, 5, 2)
	var files []string
	err := filepath.WalkDir(head, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	for _, f := range files {
		b, readErr := os.ReadFile(f)
		err = errors.Join(err, readErr, os.WriteFile(f, bytes.ReplaceAll(b, []byte("CHEST "), []byte("HEAD  ")), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if at.must("preview", map[string]any{"paths": []string{head}}, &before); len(before.Warnings) != 1 || !strings.Contains(before.Warnings[0], "face") {
		t.Errorf("of %d files of a head the preview warns %q", len(files), before.Warnings)
	}

	var added []struct {
		Record    ledger.RecordID
		New       int
		Instances int
	}
	at.must("add", map[string]any{"paths": []string{ct}}, &added)
	if len(added) != 1 || added[0].New != 4 {
		t.Fatalf("added %+v", added)
	}
	record := added[0].Record
	if at.must("add", map[string]any{"paths": []string{ct}}, &added); added[0].New != 0 || added[0].Record != record {
		t.Errorf("added again: %+v", added)
	}
	var list []desk.Slice
	var picture health.View
	at.must("slices", map[string]any{"record": record}, &list)
	if len(list) != 4 {
		t.Fatalf("slices %+v", list)
	}
	at.must("picture", map[string]any{"record": record, "index": 3}, &picture)
	if picture.Kind != "int16" || picture.Unit != "HU" || len(picture.Pixels) != 2*list[3].Rows*list[3].Columns || picture.Measured != "patient" {
		t.Errorf("a slice of %d bytes, %s, %q, %q", len(picture.Pixels), picture.Kind, picture.Unit, picture.Measured)
	}
	at.refuses(notice.Invalid, "picture", map[string]any{"record": record, "index": 4})

	hospital := hospitalOf(t, net, filepath.Join(dir, "hospital"))
	var who struct{ Name, Role string }
	if at.must("party", map[string]any{"party": hospital}, &who); who.Name != "Riverside Hospital" || who.Role != "hospital" {
		t.Errorf("party %+v", who)
	}
	at.refuses(notice.Invalid, "party", map[string]any{"party": "somebody"})
	at.refuses(notice.Invalid, "grant", map[string]any{"record": record, "to": hospital, "purpose": "care", "days": 0})
	var g ledger.Grant
	at.must("grant", map[string]any{"record": record, "to": hospital, "purpose": "care", "days": 30}, &g)
	if at.must("revoke", map[string]any{"grant": g.ID}, &g); g.Revoked == 0 {
		t.Errorf("revoked: %+v", g)
	}
	var events []desk.Event
	at.must("log", nil, &events)
	said := map[string]string{}
	for _, e := range events {
		said[e.What] = e.Name
	}
	if _, ok := said["stored"]; !ok || said["granted"] != "Riverside Hospital" || said["revoked"] != "Riverside Hospital" {
		t.Errorf("timeline %+v", events)
	}

	var kit struct{ Phrase string }
	at.must("kit", nil, &kit)
	at.must("drill", map[string]any{"phrase": kit.Phrase}, nil)
	other := strings.Fields(kit.Phrase)
	other[0], other[1] = other[1], other[0]
	if err := at.call("drill", map[string]any{"phrase": strings.Join(other, " ")}, nil); err == nil && other[0] != other[1] {
		t.Error("words in another order pass the drill")
	}
	at.must("lock", nil, &s)
	if at.must("status", nil, &s); s.Open || len(s.Accounts) != 1 {
		t.Errorf("locked: %+v", s)
	}
	at.refuses(notice.Denied, "unlock", map[string]any{"passphrase": "not the passphrase"})
	at.must("unlock", map[string]any{"passphrase": pass}, nil)
	at.must("lock", nil, nil)

	// The device is lost; the words are not.
	anew := table{t, desk.New(filepath.Join(dir, "anew"), net.URL)}
	var back struct{ Records int }
	anew.must("recover", map[string]any{"phrase": kit.Phrase, "passphrase": pass + " anew"}, &back)
	if back.Records != 1 {
		t.Errorf("recovered %+v", back)
	}
	anew.must("slices", map[string]any{"record": record}, &list)

	// Keys that somebody may have seen are replaced; her record still opens. Copies of
	// them are for machines that have no records.
	anew.must("lock", nil, nil)
	anew.must("unlock", map[string]any{"passphrase": pass + " anew"}, nil)
	signedIn := func(many bool) (devices []api.Opened) {
		anew.must("devices", nil, &devices)
		if !slices.ContainsFunc(devices, func(o api.Opened) bool { return o.Current }) || many != (len(devices) > 1) {
			t.Errorf("signed in at %+v", devices)
		}
		return devices
	}
	for _, o := range signedIn(true) {
		if !o.Current {
			anew.must("devices.end", map[string]any{"id": o.ID}, nil)
		}
	}
	signedIn(false)
	anew.must("lock", nil, nil)
	anew.must("unlock", map[string]any{"passphrase": pass + " anew"}, nil)
	signedIn(true)
	anew.must("rotate", nil, nil)
	signedIn(false)
	anew.must("slices", map[string]any{"record": record}, &list)
	anew.refuses(notice.Unsupported, "carry", nil)
	anew.must("erase", map[string]any{"record": record}, nil)
	anew.must("lock", nil, nil)

	// Nothing of hers lies open in the homes.
	for _, root := range []string{home, filepath.Join(dir, "anew")} {
		err := filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			if strings.Contains(string(b), "Wanjiru") || strings.Contains(string(b), kit.Phrase) || strings.Contains(string(b), pass) {
				t.Errorf("%s holds something in the clear", filepath.Base(p))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if log := net.Log.String(); strings.Contains(log, "Wanjiru") || strings.Contains(log, pass) {
		t.Error("the node's log holds something of hers")
	}
}

func hospitalOf(t *testing.T, net *webtest.Network, dir string) ledger.PartyID {
	t.Helper()
	h, err := owner.Join(t.Context(), dir, sealtest.Passphrase(t, "a hospital's"), net.URL, string(ledger.Health))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p, err := h.As(ledger.Health)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Register(t.Context(), ledger.Hospital, "Riverside Hospital"); err != nil {
		t.Fatal(err)
	}
	return p.ID()
}

// TestWhatTheDeskDoesNotKnow: unknown calls and arguments are told, not ignored.
func TestWhatTheDeskDoesNotKnow(t *testing.T) {
	at := table{t, desk.New(t.TempDir(), "http://127.0.0.1:1")}
	at.refuses(notice.Invalid, "everything", nil)
	at.refuses(notice.Invalid, "status", map[string]any{"more": 1})
	at.refuses(notice.Denied, "finding", map[string]any{"job": "health-job-1"})
	at.refuses(notice.NotFound, "unlock", map[string]any{"passphrase": "there are no keys"})
}

// TestAPausedUploadGoesOn: a call that is stopped says so in words for people, and the
// same call again finishes it as one record.
func TestAPausedUploadGoesOn(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	dir := t.TempDir()
	at := table{t, desk.New(filepath.Join(dir, "home"), net.URL)}
	at.must("join", map[string]any{"passphrase": pass}, nil)
	defer func() { at.must("lock", nil, nil) }()
	args, err := json.Marshal(map[string]any{"paths": []string{scan(t, filepath.Join(dir, "ct"), name, 5, 10)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, pause := context.WithCancel(t.Context())
	defer pause()
	_, err = at.d.Call(ctx, "add", args, func(p desk.Progress) {
		if p.Stage == "storing" {
			pause()
		}
	})
	if !notice.Is(err, notice.Unavailable) {
		t.Fatalf("paused: %v", err)
	}
	var all desk.Overview
	if at.must("home", nil, &all); len(all.Records) != 0 {
		t.Errorf("a paused upload is on the ledger: %+v", all.Records)
	}
	if _, err := at.d.Call(t.Context(), "add", args, func(desk.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if at.must("home", nil, &all); len(all.Records) != 1 || len(all.Records[0].Versions) != 1 {
		t.Errorf("records %+v", all.Records)
	}
}
