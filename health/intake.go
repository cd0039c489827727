package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"manx/health/dicom"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// maxFiles bounds one upload.
const maxFiles = 200_000

// An Intake is what an upload held.
type Intake struct {
	Studies  []Study
	Ignored  []Left // no part of a study: viewers, DICOMDIR, second copies
	Rejected []Left // meant to be part of one, but unusable

	closers []io.Closer
}

// Left is a file that no study holds, and why. The path is for the owner's eyes
// only: it may hold a name.
type Left struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Close releases the archives the instances are read from. It may be repeated.
func (in *Intake) Close() error {
	var errs []error
	for _, c := range in.closers {
		errs = append(errs, c.Close())
	}
	in.closers = nil
	return errors.Join(errs...)
}

// ReadStudies scans files, folders and ZIP archives (also inside folders) and
// groups what it finds into studies; only headers are read. The Intake must be
// closed after its instances have been used. Files of two patients give
// notice.Conflict, beside an Intake that lists those of the smaller group as
// rejected.
func ReadStudies(ctx context.Context, paths ...string) (*Intake, error) {
	r := newReader()
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return r.in, errors.Join(notice.Because(err, notice.NotFound, "a path to add does not exist or cannot be read", "check the paths given to `manx study add`"), r.in.Close())
		}
		dir, name := filepath.Dir(p), filepath.Base(p)
		if st.IsDir() {
			dir, name = p, "."
		}
		if err := r.walk(ctx, os.DirFS(dir), name, false); err != nil {
			return r.in, errors.Join(err, r.in.Close())
		}
	}
	return r.done()
}

// ReadFS is ReadStudies over a file system, such as files dropped on a page.
func ReadFS(ctx context.Context, fsys fs.FS) (*Intake, error) {
	r := newReader()
	if err := r.walk(ctx, fsys, ".", false); err != nil {
		return r.in, errors.Join(err, r.in.Close())
	}
	return r.done()
}

type reader struct {
	in      *Intake
	prefix  string // the archive being read
	files   int
	studies map[string]int
	byUID   map[string]place
	people  []person
}

type place struct{ study, instance int }

type person struct {
	Patient
	files int
}

func newReader() *reader {
	return &reader{in: &Intake{}, studies: map[string]int{}, byUID: map[string]place{}}
}

func (r *reader) walk(ctx context.Context, fsys fs.FS, root string, archive bool) error {
	return fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.reject(name, "it cannot be read")
			return nil //nolint:nilerr // it is told, and the other files are read
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			r.ignore(name, "it is not a regular file")
			return nil
		}
		if r.files++; r.files > maxFiles {
			return notice.New(notice.Exhausted, fmt.Sprintf("more than %d files", maxFiles), "add the studies in several steps")
		}
		return r.file(ctx, fsys, name, archive)
	})
}

func (r *reader) ignore(name, reason string) {
	r.in.Ignored = append(r.in.Ignored, Left{r.prefix + name, reason})
}

func (r *reader) reject(name, reason string) {
	r.in.Rejected = append(r.in.Rejected, Left{r.prefix + name, reason})
}

func (r *reader) file(ctx context.Context, fsys fs.FS, name string, archive bool) error {
	if archive {
		if err := checkEntry(fsys, name); err != nil {
			r.reject(name, notice.From(err).Text)
			return nil
		}
	}
	o, err := open(fsys, name)
	if err != nil {
		r.reject(name, notice.From(err).Text)
		return nil
	}
	keep := false
	defer func() {
		if !keep {
			_ = o.Close()
		}
	}()
	var magic [4]byte
	if _, err := o.ReadAt(magic[:], 0); err == nil && string(magic[:]) == "PK\x03\x04" {
		if archive {
			r.ignore(name, "it is an archive inside an archive")
			return nil
		}
		z, err := unzip(o)
		if err != nil {
			r.reject(name, notice.From(err).Text)
			return nil
		}
		keep = true
		r.in.closers = append(r.in.closers, o)
		r.prefix = name + "/"
		err = r.walk(ctx, z, ".", true)
		r.prefix = ""
		return err
	}
	f, err := dicom.Scan(o, o.Size())
	if err != nil {
		if n := notice.From(err); foreign(o, name) {
			r.ignore(name, "it is not a DICOM file")
		} else {
			r.reject(name, n.Text)
		}
		return nil
	}
	r.add(ctx, f, o, fsys, name)
	return nil
}

// foreign reports whether a file that does not scan was never meant to be
// DICOM: it has neither the mark nor the name of one.
func foreign(o *Object, name string) bool {
	var mark [4]byte
	if n, _ := o.ReadAt(mark[:], 128); n == 4 && string(mark[:]) == "DICM" {
		return false
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".dcm", ".dicom", ".ima":
		return false
	}
	return true
}

const dicomdir = "1.2.840.10008.1.3.10"

func (r *reader) add(ctx context.Context, f *dicom.File, o *Object, fsys fs.FS, name string) {
	if f.String(dicom.MetaSOPClassUID) == dicomdir || f.Find(0x00041220) != nil {
		r.ignore(name, "it is an index of other files (DICOMDIR)")
		return
	}
	study, uid := f.String(dicom.StudyInstanceUID), f.String(dicom.SOPInstanceUID)
	if study == "" || uid == "" {
		r.reject(name, "it names no study or no instance")
		return
	}
	in := instance(f, o, fsys, name)
	in.Path = privacy.Hide(r.prefix + name)
	in.person = r.person(patient(f))
	if at, ok := r.byUID[uid]; ok {
		r.duplicate(ctx, name, at, in)
		return
	}
	n, ok := r.studies[study]
	if !ok {
		n = len(r.in.Studies)
		r.studies[study] = n
		r.in.Studies = append(r.in.Studies, Study{
			UID: privacy.Hide(study), Date: privacy.Hide(f.String(dicom.StudyDate)), Description: privacy.Hide(f.String(dicom.StudyDescription)),
		})
	}
	s := &r.in.Studies[n]
	r.byUID[uid] = place{n, len(s.Instances)}
	s.Instances = append(s.Instances, in)
}

// duplicate keeps one of two files with one SOP Instance UID: the same bytes
// count once; of different bytes the one read last is the amended instance.
func (r *reader) duplicate(ctx context.Context, name string, at place, in Instance) {
	had := &r.in.Studies[at.study].Instances[at.instance]
	a, err := had.Digest(ctx)
	b, err2 := in.Digest(ctx)
	switch {
	case err != nil || err2 != nil:
		r.reject(name, "it could not be compared with another file of the same instance")
	case a == b:
		r.in.Ignored = append(r.in.Ignored, Left{in.Path.Reveal(reveal.Token{}), "it is a second copy"})
	case had.person != in.person:
		r.in.Rejected = append(r.in.Rejected, Left{in.Path.Reveal(reveal.Token{}), otherPatient})
		r.people[in.person].files++
	default:
		r.in.Ignored = append(r.in.Ignored, Left{had.Path.Reveal(reveal.Token{}), "an amended copy of it was read later"})
		in.Amended = true
		*had = in
	}
}

const otherPatient = "it is of another patient than the rest of the upload"

// done counts what was kept and separates the patients.
func (r *reader) done() (*Intake, error) {
	for _, s := range r.in.Studies {
		for _, in := range s.Instances {
			r.people[in.person].files++
		}
	}
	main, others := 0, 0
	for i, p := range r.people {
		if p.files > r.people[main].files {
			main = i
		}
	}
	for i, p := range r.people {
		if i != main {
			others += p.files
		}
	}
	kept := r.in.Studies[:0]
	for _, s := range r.in.Studies {
		all := s.Instances
		s.Instances = nil
		for _, in := range all {
			if in.person != main {
				r.in.Rejected = append(r.in.Rejected, Left{in.Path.Reveal(reveal.Token{}), otherPatient})
				continue
			}
			s.Instances = append(s.Instances, in)
			s.Bytes += in.Size
			if in.Modality != "" && !slices.Contains(s.Modalities, in.Modality) {
				s.Modalities = append(s.Modalities, in.Modality)
			}
		}
		if len(s.Instances) > 0 {
			s.Patient = privacy.Hide(r.people[main].Patient)
			kept = append(kept, s)
		}
	}
	r.in.Studies = kept
	if others > 0 {
		return r.in, notice.New(notice.Conflict,
			fmt.Sprintf("the upload holds files of more than one patient: %d of one, %d of others", r.people[main].files, others),
			"add each patient's folder on its own")
	}
	return r.in, nil
}

func patient(f *dicom.File) Patient {
	return Patient{
		Name: f.String(dicom.PatientName), ID: f.String(dicom.PatientID), Issuer: f.String(dicom.IssuerOfPatientID),
		BirthDate: f.String(dicom.PatientBirthDate), Sex: f.String(dicom.PatientSex),
	}
}

// person returns the index of p, adding it where nobody known fits.
func (r *reader) person(p Patient) int {
	for i := range r.people {
		if q := &r.people[i]; samePatient(q.Patient, p) {
			q.fill(p)
			return i
		}
	}
	r.people = append(r.people, person{Patient: p})
	return len(r.people) - 1
}

// fill adds what an earlier file of the patient left out.
func (p *person) fill(q Patient) {
	for _, x := range []struct{ have, got *string }{
		{&p.Name, &q.Name}, {&p.ID, &q.ID}, {&p.Issuer, &q.Issuer}, {&p.BirthDate, &q.BirthDate}, {&p.Sex, &q.Sex},
	} {
		if *x.have == "" {
			*x.have = *x.got
		}
	}
}

// samePatient reports whether nothing that both state differs: identifier,
// name (however spelled out) and date of birth.
func samePatient(a, b Patient) bool {
	differ := func(x, y string) bool { return x != "" && y != "" && x != y }
	return !differ(a.ID, b.ID) && !differ(a.Issuer, b.Issuer) && !differ(a.BirthDate, b.BirthDate) && !differ(plainName(a.Name), plainName(b.Name))
}

// plainName is the alphabetic group without case, component marks and spaces.
func plainName(s string) string {
	s, _, _ = strings.Cut(s, "=")
	return strings.Join(strings.FieldsFunc(strings.ToUpper(s), func(c rune) bool { return c == '^' || c == ' ' || c == ',' || c == '.' }), " ")
}

func instance(f *dicom.File, o *Object, fsys fs.FS, name string) Instance {
	number := func(t dicom.Tag) int {
		v, ok := f.Ints(t)
		if !ok || v[0] < 0 || v[0] > 1<<31-1 {
			return 0
		}
		return int(v[0])
	}
	in := Instance{
		UID: privacy.Hide(f.String(dicom.SOPInstanceUID)), Series: privacy.Hide(f.String(dicom.SeriesInstanceUID)),
		Class: dicom.PlainUID(f.String(dicom.SOPClassUID)), Syntax: dicom.PlainUID(f.TransferSyntax), Modality: modality(f.String(dicom.Modality)),
		Number: number(dicom.InstanceNumber), Size: o.Size(), Rows: number(dicom.Rows), Columns: number(dicom.Columns),
		at: privacy.Hide(location{fsys, name}),
	}
	if in.Rows > 0 {
		in.Frames = max(1, number(dicom.NumberOfFrames))
	}
	in.head.elsewhere = elsewhere(f.String(dicom.BodyPartExamined))
	in.head.localizer = slices.Contains(f.Strings(dicom.ImageType), "LOCALIZER")
	if v, ok := f.Floats(dicom.PixelSpacing); ok && len(v) == 2 && v[0] > 0 && v[1] > 0 {
		in.head.spacing = v[0] * v[1]
	}
	// A scanner's values are in Hounsfield units unless it says otherwise
	// (PS3.3, C.8.2.1); renderings and exports often leave the scale out.
	unit := f.String(dicom.RescaleType)
	in.head.units = f.Find(dicom.RescaleIntercept) != nil && f.Find(dicom.RescaleSlope) != nil && (unit == "" || unit == "HU")
	in.place(f)
	return in
}

// modality returns s where it is a term of PS3.3, C.7.3.1.1.1, else "".
func modality(s string) string {
	for _, m := range strings.Fields("ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL " +
		"IVOCT IVUS KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE " +
		"RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA XAPROTOCOL XC") {
		if m == s {
			return m
		}
	}
	return ""
}

// place finds where a slice lies along its normal (PS3.3, C.7.6.2.1.1).
func (in *Instance) place(f *dicom.File) {
	pos, ok := f.Floats(dicom.ImagePositionPatient)
	dir, ok2 := f.Floats(dicom.ImageOrientationPatient)
	in.head.axial = true // a file that does not say is judged by its pixels
	if ok2 && len(dir) == 6 {
		n := [3]float64{dir[1]*dir[5] - dir[2]*dir[4], dir[2]*dir[3] - dir[0]*dir[5], dir[0]*dir[4] - dir[1]*dir[3]}
		in.head.axial = n[2] > 0.85 || n[2] < -0.85
		if ok && len(pos) == 3 {
			in.Position, in.located = pos[0]*n[0]+pos[1]*n[1]+pos[2]*n[2], true
			return
		}
	}
	if v, ok := f.Floats(dicom.SliceLocation); ok {
		in.Position, in.located = v[0], true
	}
}
