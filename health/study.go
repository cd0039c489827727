// Package health makes studies of DICOM files: it groups what a patient drops
// on it, refuses two patients in one upload, picks the slices or radiographs a
// model can read and turns a model's outputs into a finding. It runs on the owner's device.
//
// It does not seal or send anything, does not de-identify (health/deid), runs
// no model, and is no medical device.
package health

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"

	"manx/health/dicom"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// A Study is the files of one examination of one patient, instances in the
// order of their paths. UIDs and the patient do not print.
type Study struct {
	UID         privacy.Secret[string]
	Patient     privacy.Secret[Patient]
	Date        privacy.Secret[string] // YYYYMMDD, or ""
	Description privacy.Secret[string]
	Modalities  []string // in order of appearance
	Instances   []Instance
	Bytes       int64
}

// A Patient is who a study says it is of, as written in the files.
type Patient struct {
	Name, ID, Issuer, BirthDate, Sex string
}

// An Instance is one file of a study. What can be printed holds no free text of
// the file: Class and Syntax are UIDs of the standard's form, Modality one of its
// terms, each "" otherwise. Rows and Columns are 0 where it is no image.
type Instance struct {
	Path     privacy.Secret[string] // as its owner named it, below the source that was read
	UID      privacy.Secret[string]
	Series   privacy.Secret[string]
	Class    string // SOP class UID
	Syntax   string // transfer syntax UID
	Modality string
	Number   int // within the series
	Size     int64
	Rows     int
	Columns  int
	Frames   int
	Position float64 // mm along the slice normal; 0 where unknown
	Amended  bool    // another file of the upload has its UID and other bytes

	at      privacy.Secret[location]
	person  int // index, while reading
	located bool
	head    header
}

type location struct {
	fsys fs.FS
	name string
}

// header is what choosing slices needs to know of an instance.
type header struct {
	elsewhere string // a part of the body that is not the chest, or ""
	localizer bool
	axial     bool
	units     bool    // values are Hounsfield units
	spacing   float64 // mm², area of a pixel; 0 where unknown
}

// A Series is the instances of one acquisition.
type Series struct {
	UID       privacy.Secret[string]
	Modality  string
	Instances []*Instance
}

// Series groups the study's instances, in order of appearance.
func (s *Study) Series() []Series {
	var out []Series
	at := map[string]int{}
	for i := range s.Instances {
		in := &s.Instances[i]
		uid := in.Series.Reveal(reveal.Token{})
		n, ok := at[uid]
		if !ok {
			n = len(out)
			at[uid] = n
			out = append(out, Series{UID: in.Series, Modality: in.Modality})
		}
		out[n].Instances = append(out[n].Instances, in)
	}
	return out
}

// Against sorts the study's instances by what an earlier version of the record
// holds: SHA-256 by SOP Instance UID. New and amended ones make a new version.
func (s *Study) Against(ctx context.Context, known map[string][32]byte) (added, amended, same []*Instance, err error) {
	for i := range s.Instances {
		in := &s.Instances[i]
		had, ok := known[in.UID.Reveal(reveal.Token{})]
		if !ok {
			added = append(added, in)
			continue
		}
		sum, err := in.Digest(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		if sum == had {
			same = append(same, in)
		} else {
			amended = append(amended, in)
		}
	}
	return added, amended, same, nil
}

// Open returns the instance's bytes. The caller closes it.
func (in *Instance) Open() (*Object, error) {
	at := in.at.Reveal(reveal.Token{})
	return open(at.fsys, at.name)
}

// Scan opens the instance and scans it; the Object stays open for the File's
// values and must be closed.
func (in *Instance) Scan() (*dicom.File, *Object, error) {
	o, err := in.Open()
	if err != nil {
		return nil, nil, err
	}
	f, err := dicom.Scan(o, o.Size())
	if err != nil {
		_ = o.Close()
		return nil, nil, err
	}
	return f, o, nil
}

// Digest returns the SHA-256 of the instance's bytes.
func (in *Instance) Digest(ctx context.Context) (sum [32]byte, err error) {
	o, err := in.Open()
	if err != nil {
		return sum, err
	}
	defer func() { _ = o.Close() }()
	h, buf := sha256.New(), make([]byte, 64<<10)
	for at := int64(0); at < o.Size(); {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		n, err := o.ReadAt(buf[:min(int64(len(buf)), o.Size()-at)], at)
		if n == 0 {
			return sum, notice.Because(err, notice.Unavailable, "a file of the study changed while it was read", "run the command again")
		}
		h.Write(buf[:n])
		at += int64(n)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// An Object is an open file that can be read at any offset.
type Object struct {
	io.ReaderAt
	size  int64
	close func() error
}

// Size is the length in bytes.
func (o *Object) Size() int64 { return o.size }

// Close releases it.
func (o *Object) Close() error { return o.close() }

// open reads through to files that can seek; what cannot (an entry of a ZIP) is
// unpacked to a nameless temporary file first.
func open(fsys fs.FS, name string) (*Object, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, notice.Because(err, notice.Unavailable, "a file of the study cannot be opened", "check that the folder is readable, and run the command again")
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("stat: %w", err)
	}
	if r := readerOf(f); r != nil {
		return &Object{ReaderAt: r, size: st.Size(), close: f.Close}, nil
	}
	defer func() { _ = f.Close() }()
	return spool(f, st.Size())
}
