package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"manx/health"
	"manx/health/dicom"
	"manx/health/phantom"
	"manx/ml/lungct"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/privacy/seal/sealtest"
)

// What a study says of its patient, wherever DICOM lets it.
const (
	mark     = "ZQXPLANTED"
	markName = "Zqxplant^Wanjiru"
	markDate = "19470811"
	markTime = "134711.4711"
	markUID  = "1.2.826.0.1.4711778899"
	chinese  = "张三丰的肺"
	umlauts  = "Müßiggängér"
)

// groups holds the even groups of PS3.6 below the pixels.
var groups = []uint32{8, 0x10, 0x12, 0x14, 0x18, 0x20, 0x22, 0x24, 0x28, 0x32, 0x38, 0x3A, 0x40, 0x42, 0x44, 0x46, 0x48, 0x50, 0x52, 0x54,
	0x60, 0x62, 0x64, 0x66, 0x68, 0x70, 0x72, 0x74, 0x76, 0x78, 0x80, 0x82, 0x88, 0x100, 0x400, 0x2000, 0x2100, 0x2200, 0x3002, 0x3006,
	0x300A, 0x300C, 0x300E, 0x4000, 0x4008, 0x4010, 0x5200, 0x5400, 0x5600}

// planted returns a value with a mark for elements of text, or "".
func planted(vr dicom.VR, n int) string {
	switch vr {
	case dicom.PN:
		return fmt.Sprintf("%s%d", markName, n)
	case dicom.DA:
		return markDate
	case dicom.TM:
		return markTime
	case dicom.DT:
		return markDate + "134711"
	case dicom.UI:
		return fmt.Sprintf("%s.%d", markUID, n)
	case dicom.UR:
		return fmt.Sprintf("https://%s.example/%d", mark, n)
	case dicom.LO, dicom.LT, dicom.SH, dicom.ST, dicom.UT, dicom.UC, dicom.AE, dicom.CS:
		return fmt.Sprintf("%s %d", mark, n)
	}
	return ""
}

// keep are elements without which the file is another kind of object.
var keep = map[dicom.Tag]bool{
	dicom.SpecificCharacterSet: true, dicom.ImageType: true, dicom.SOPClassUID: true, dicom.SOPInstanceUID: true, dicom.Modality: true,
	dicom.BodyPartExamined: true, dicom.PatientPosition: true, dicom.StudyInstanceUID: true, dicom.SeriesInstanceUID: true,
	dicom.FrameOfReferenceUID: true, dicom.PhotometricInterpretation: true, dicom.BurnedInAnnotation: true, dicom.RescaleType: true,
	dicom.PatientName: true, dicom.PatientID: true, dicom.PatientBirthDate: true, dicom.PatientSex: true,
	0x00280302: true, // recognizable visual features
}

// plant writes a slice again with marks in every text element of the dictionary,
// in private elements, in sequences three deep, in the file meta information and
// in the preamble.
func plant(t testing.TB, slice []byte) []byte {
	t.Helper()
	f, err := dicom.ScanBytes(slice)
	check(t, err)
	var body bytes.Buffer
	e := dicom.NewEncoder(&body, dicom.ExplicitVRLittle)
	n := 0
	private := func() {
		e.Text(0x00090010, dicom.LO, mark+" CREATOR")
		e.Text(0x00091001, dicom.LT, mark+" in private "+chinese)
		e.BeginSequence(0x00091002)
		e.BeginItem()
		e.Text(dicom.PatientName, dicom.PN, markName+"^Private")
		e.EndItem()
		e.EndSequence()
	}
	deep := func() { // (0008,1115) > (0008,1199) > (0040,A730): names at the bottom
		for _, s := range []dicom.Tag{0x00081115, 0x00081199, 0x0040A730} {
			e.BeginSequence(s)
			e.BeginItem()
		}
		e.Text(dicom.PatientName, dicom.PN, markName+"^Deep")
		e.Text(dicom.PatientID, dicom.LO, umlauts)
		for range 3 {
			e.EndItem()
			e.EndSequence()
		}
	}
	donePrivate := false
	for _, g := range groups {
		if g > 9 && !donePrivate {
			private()
			donePrivate = true
		}
		for el := uint32(1); el <= 0xFFFF; el++ {
			tag := dicom.Tag(g<<16 | el)
			have := f.Find(tag)
			vr := tag.DictionaryVR()
			switch v := planted(vr, n); {
			case tag == 0x00081115:
				deep()
			case have != nil && (keep[tag] || v == ""):
				e.Copy(f, have)
			case tag.Keyword() != "" && v != "":
				e.Text(tag, vr, v)
				n++
			}
		}
	}
	e.Copy(f, f.Find(dicom.PixelData))
	check(t, e.Close())
	if n < 1000 {
		t.Fatalf("only %d elements are planted", n)
	}
	var meta bytes.Buffer
	m := dicom.NewEncoder(&meta, dicom.ExplicitVRLittle)
	m.Bytes(dicom.MetaVersion, dicom.OB, []byte{0, 1})
	m.Text(dicom.MetaSOPClassUID, dicom.UI, f.String(dicom.SOPClassUID))
	m.Text(dicom.MetaSOPInstanceUID, dicom.UI, f.String(dicom.SOPInstanceUID))
	m.Text(dicom.TransferSyntaxUID, dicom.UI, dicom.ExplicitVRLittle)
	m.Text(dicom.ImplementationClassUID, dicom.UI, dicom.ImplementationUID)
	m.Text(0x00020013, dicom.SH, mark+" meta")
	m.Text(0x00020016, dicom.AE, mark+" AE")
	check(t, m.Close())
	out := append(make([]byte, 128), "DICM"...)
	copy(out, mark+" in the preamble of "+markName)
	var length bytes.Buffer
	l := dicom.NewEncoder(&length, dicom.ExplicitVRLittle)
	l.Ints(dicom.MetaGroupLength, dicom.UL, int64(meta.Len()))
	check(t, l.Close())
	return append(append(append(out, length.Bytes()...), meta.Bytes()...), body.Bytes()...)
}

// ct writes a phantom series of a patient whose every word is a mark, with the
// marks everywhere in its first slices, and returns the folders of the study and
// of its late slices, and the needles that it holds.
func ct(t testing.TB, dir string, seed uint64) (study, late string, ids, pixels []needle) {
	t.Helper()
	const slices, latecomers = 40, 2
	series, err := phantom.New(phantom.Options{Seed: seed, Slices: slices, PatientName: markName, PatientID: mark + "-4711", BirthDate: markDate,
		Sex: "F", StudyDate: markDate, Institution: mark + " clinic", Nodule: phantom.Nodule{Diameter: 24, HU: 40, X: -70, Y: 10, Z: 5}})
	check(t, err)
	study, late = filepath.Join(dir, mark+"-study"), filepath.Join(dir, mark+"-late")
	for _, d := range []string{study, late} {
		check(t, os.MkdirAll(d, 0o700))
	}
	for i := range slices + latecomers {
		var b bytes.Buffer
		check(t, series.WriteSlice(&b, i))
		f, err := dicom.ScanBytes(b.Bytes())
		check(t, err)
		for _, u := range []dicom.Tag{dicom.SOPInstanceUID, dicom.StudyInstanceUID, dicom.SeriesInstanceUID} {
			if u == dicom.SOPInstanceUID || i == 0 {
				ids = append(ids, needle{"a UID of the study", []byte(f.String(u))})
			}
		}
		at := int(f.Find(dicom.PixelData).Offset)
		for row := 120; row < 400; row += 40 {
			if run := b.Bytes()[at+(row*phantom.Size+200)*2:][:64]; varied(run) {
				pixels = append(pixels, needle{"pixels of a slice", bytes.Clone(run)})
			}
		}
		out, to := b.Bytes(), study
		if i < 3 || i >= slices {
			out = plant(t, out)
		}
		if i >= slices {
			to = late
		}
		check(t, os.WriteFile(filepath.Join(to, fmt.Sprintf("%s-file-%03d.dcm", mark, i)), out, 0o600))
	}
	if len(pixels) < slices {
		t.Fatalf("only %d runs of pixels tell anything", len(pixels))
	}
	for _, m := range []string{mark, markName, markDate, markTime, markUID, chinese, umlauts} {
		ids = append(ids, needle{m, []byte(m)})
	}
	return study, late, ids, append(pixels, inputs(t, study)...)
}

// varied reports whether a run of bytes is like no other.
func varied(run []byte) bool {
	seen := map[byte]bool{}
	for _, b := range run {
		seen[b] = true
	}
	return len(seen) >= 20
}

// readByModel returns what the model lung-ct reads of a study: the plaintext that is
// encrypted.
func readByModel(t testing.TB, study string) [][]float64 {
	t.Helper()
	_, card, err := lungct.Model()
	check(t, err)
	in, err := health.ReadStudies(ctxOf(t), study)
	check(t, err)
	defer in.Close()
	c := card.Input
	all, err := health.SelectSlices(ctxOf(t), &in.Studies[0], health.InputSchema{Modality: c.Modality, BodyPart: c.BodyPart, Center: c.Center,
		Width: c.Width, Size: c.Size, MinRows: c.MinRows, MinLung: c.MinLung}, c.Slices)
	check(t, err)
	return health.Inputs(all, reveal.Token{})
}

func inputs(t testing.TB, study string) (out []needle) {
	for _, in := range readByModel(t, study) {
		for at := 1000; at+8 <= len(in); at += 200 {
			var doubles, singles []byte
			for _, v := range in[at : at+8] {
				doubles = binary.LittleEndian.AppendUint64(doubles, math.Float64bits(v))
				singles = binary.LittleEndian.AppendUint32(singles, math.Float32bits(float32(v)))
			}
			if varied(doubles) {
				out = append(out, needle{"a model's input", doubles}, needle{"a model's input, single precision", singles})
			}
		}
	}
	return out
}

// keys returns every secret in a home's keyring, by reading the file as its
// owner can.
func keys(t testing.TB, file, passphrase string) (out []needle) {
	t.Helper()
	b, err := os.ReadFile(file)
	check(t, err)
	const magic = "manx-keyring/1\n"
	n := int(binary.BigEndian.Uint32(b[len(magic):]))
	rest := b[len(magic)+4:]
	raw, err := sealtest.Passphrase(t, passphrase).Open(rest[:n])
	check(t, err)
	key, err := seal.KeyOf(raw)
	check(t, err)
	plain, err := seal.Open(key, rest[n:len(rest)-32])
	check(t, err)
	var c struct {
		Kit      []byte
		Personas map[string]struct {
			Signing, Recovery, CKKS, Deid, Salt []byte
			Identities                          []string
			Records                             map[string][]byte
		}
	}
	check(t, json.Unmarshal(plain, &c))
	out = []needle{{"the passphrase", []byte(passphrase)}, {"the keyring's key", raw}, {"the recovery secret", c.Kit}}
	for v, p := range c.Personas {
		out = append(out, needle{v + " signing seed", p.Signing}, needle{v + " recovery seed", p.Recovery}, needle{v + " CKKS seed", p.CKKS},
			needle{v + " de-identification key", p.Deid}, needle{v + " salt", p.Salt})
		for _, i := range p.Identities {
			out = append(out, needle{v + " sealing identity", []byte(i)[:64]})
		}
		for _, k := range p.Records {
			out = append(out, needle{v + " key of a record", k})
		}
	}
	return out
}
