package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"time"

	"manx/health/dicom"
	"manx/health/phantom"
	"manx/privacy/notice"
)

// Path is where the gateway takes studies (STOW-RS, PS3.18 section 10.5).
const Path = "/dicom-web/studies"

// Bounds of what comes by DICOMweb.
const (
	maxInstance = 1 << 30 // bytes
	maxParts    = 10_000  // of a request
)

// TestID is the patient id of instances that try the way: they are answered and dropped.
const TestID = "MANX-TEST"

// ServeHTTP takes instances: POST of multipart/related with parts of application/dicom.
// It answers on a loopback address alone. A page in a browser cannot send this to it:
// such a request needs leave that is never given.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() || r.Header.Get("Origin") != "" {
		http.Error(w, "this gateway takes studies on a loopback address only", http.StatusForbidden)
		return
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/related" || params["boundary"] == "" {
		http.Error(w, "studies come as multipart/related; type=\"application/dicom\"", http.StatusUnsupportedMediaType)
		return
	}
	taken, failed := []reference{}, []reference{}
	parts := multipart.NewReader(r.Body, params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n >= maxParts {
			http.Error(w, "the parts of the request cannot be read", http.StatusBadRequest)
			return
		}
		ref, err := g.instance(part)
		if err != nil {
			ref.reason = 0xC000 // cannot understand
			if !notice.Is(err, notice.Invalid) {
				g.Log.WarnContext(r.Context(), "an instance was not kept", "err", err)
				ref.reason = 0xA700 // out of resources
			}
			failed = append(failed, ref)
			continue
		}
		taken = append(taken, ref)
	}
	if len(taken)+len(failed) == 0 {
		http.Error(w, "the request has no parts", http.StatusBadRequest)
		return
	}
	g.nudge()
	w.Header().Set("Content-Type", "application/dicom+json")
	switch {
	case len(failed) > 0 && len(taken) == 0:
		w.WriteHeader(http.StatusConflict)
	case len(failed) > 0:
		w.WriteHeader(http.StatusAccepted)
	}
	out := map[string]any{}
	if len(taken) > 0 {
		out["00081199"] = sequence(taken)
	}
	if len(failed) > 0 {
		out["00081198"] = sequence(failed)
	}
	_ = json.NewEncoder(w).Encode(out) // who went away has no use for an error
}

// A reference names an instance in the answer.
type reference struct {
	class, uid string
	reason     int
}

func sequence(all []reference) map[string]any {
	items := []any{}
	for _, r := range all {
		item := map[string]any{"00081150": value("UI", r.class), "00081155": value("UI", r.uid)}
		if r.reason != 0 {
			item["00081197"] = map[string]any{"vr": "US", "Value": []int{r.reason}}
		}
		items = append(items, item)
	}
	return map[string]any{"vr": "SQ", "Value": items}
}

func value(vr, v string) map[string]any {
	if v == "" {
		return map[string]any{"vr": vr}
	}
	return map[string]any{"vr": vr, "Value": []string{v}}
}

// instance keeps one part in the spool of its study.
func (g *Gateway) instance(part *multipart.Part) (ref reference, err error) {
	f, err := os.CreateTemp(g.spool(""), "part-")
	if err != nil {
		return ref, fmt.Errorf("keep an instance: %w", err)
	}
	defer func() { _, _ = f.Close(), os.Remove(f.Name()) }()
	size, err := io.Copy(f, io.LimitReader(part, maxInstance+1))
	if err != nil {
		return ref, fmt.Errorf("keep an instance: %w", err)
	}
	if size > maxInstance {
		return ref, notice.New(notice.Invalid, "an instance is over 1 GiB", "send it in another way")
	}
	d, err := dicom.Scan(f, size)
	if err != nil {
		return ref, notice.Because(err, notice.Invalid, "a part is not DICOM", "send DICOM files")
	}
	ref = reference{class: d.String(dicom.SOPClassUID), uid: d.String(dicom.SOPInstanceUID)}
	study := d.String(dicom.StudyInstanceUID)
	if ref.uid == "" || study == "" {
		return ref, notice.New(notice.Invalid, "an instance does not say what it is", "send whole DICOM files")
	}
	if d.String(dicom.PatientID) == TestID {
		return ref, nil
	}
	id := idOf("study/" + study)
	if err := f.Sync(); err != nil {
		return ref, fmt.Errorf("keep an instance: %w", err)
	}
	name := filepath.Join(g.spool(id), idOf("instance/"+ref.uid)+".dcm")
	g.mu.Lock()
	_, had := os.Stat(name)
	if err = os.MkdirAll(g.spool(id), 0o700); err == nil {
		err = os.Rename(f.Name(), name)
	}
	g.mu.Unlock()
	if err != nil {
		return ref, fmt.Errorf("keep an instance: %w", err)
	}
	now := time.Now()
	return ref, g.change(func(k *kept) {
		k.PACS = now.Unix()
		i := slices.IndexFunc(k.Items, func(o Item) bool { return o.ID == id })
		if i < 0 {
			k.Items, i = append(k.Items, Item{ID: id, From: "pacs", Came: now.Unix()}), len(k.Items)
		}
		it := &k.Items[i]
		it.Last, it.Stage, it.Problem = now.UnixMilli(), Received, nil
		if had != nil {
			it.Files, it.Bytes = it.Files+1, it.Bytes+size
		}
	})
}

// Try sends a made-up instance to a gateway at an address, as a PACS would, and returns
// how long that took. It is dropped there.
func Try(ctx context.Context, address string) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "manx-try")
	if err != nil {
		return 0, fmt.Errorf("try the gateway: %w", err)
	}
	defer os.RemoveAll(dir)
	s, err := phantom.New(phantom.Options{Seed: 1, Slices: 40, PatientName: "Test^Manx", PatientID: TestID, BirthDate: "19000101", StudyDate: "20260101"})
	if err == nil {
		err = s.WriteFolder(ctx, dir, 20, 1)
	}
	var files []string
	if err == nil {
		files, err = filepath.Glob(filepath.Join(dir, "*"))
	}
	if err != nil || len(files) == 0 {
		return 0, errors.Join(err, errors.New("no test instance"))
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		return 0, fmt.Errorf("try the gateway: %w", err)
	}
	began := time.Now()
	err = Send(ctx, address, b)
	return time.Since(began), err
}

// Send stores instances at a gateway's address, as a PACS would.
func Send(ctx context.Context, address string, instances ...[]byte) error {
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for _, b := range instances {
		p, err := m.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err == nil {
			_, err = p.Write(b)
		}
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	if err := m.Close(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, address+Path, &body)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	q.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+m.Boundary())
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return notice.Because(err, notice.Unavailable, "the gateway does not answer at its own address", "is it running?")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return notice.New(notice.Invalid, fmt.Sprintf("the gateway answered with status %d", resp.StatusCode), "look at its log")
	}
	return nil
}
