package deid

import (
	"bytes"
	"encoding/binary"
	"flag"
	"testing"

	"manx/health/dicom"
	"manx/privacy"
)

// every makes the tests that run other programs take all real files; without
// it they take one in five.
var every = flag.Bool("every", false, "compare every real file with Orthanc and dciodvfy")

func profile(t testing.TB, o Options, seed byte) *Profile {
	t.Helper()
	p, err := New(o, privacy.Hide(bytes.Repeat([]byte{seed}, KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func scan(t testing.TB, b []byte) *dicom.File {
	t.Helper()
	f, err := dicom.ScanBytes(b)
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return f
}

// forced writes a file's copy even where Quarantine holds it, so that tests
// see what cleaning does to every kind of object.
func forced(t testing.TB, p *Profile, f *dicom.File) []byte {
	t.Helper()
	pl := p.plan(f)
	nodes, err := pl.dataset(false)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	var b bytes.Buffer
	enc := dicom.NewEncoder(&b, f.WritableSyntax())
	enc.Start(f.WritableSyntax(), pl.class, p.UID(f.String(dicom.SOPInstanceUID)))
	pl.emit(enc, nodes)
	if err := enc.Close(); err != nil {
		t.Fatalf("emit: %v", err)
	}
	return b.Bytes()
}

// part10 puts preamble and file meta information, given as explicit
// little-endian elements, before a data set.
func part10(preamble string, syntax string, extra, dataset []byte) []byte {
	var b bytes.Buffer
	b.WriteString(preamble)
	b.Write(make([]byte, 128-len(preamble)))
	b.WriteString("DICM")
	b.Write(explicit(0x00020002, "UI", storage+"2"))
	b.Write(explicit(0x00020010, "UI", syntax))
	b.Write(extra)
	b.Write(dataset)
	return b.Bytes()
}

// explicit encodes one element with a short or long explicit header.
func explicit(tag uint32, vr, value string) []byte {
	if len(value)%2 == 1 {
		value += map[bool]string{true: "\x00", false: " "}[vr == "UI" || vr == "OB"]
	}
	b := binary.LittleEndian.AppendUint16(nil, uint16(tag>>16))
	b = binary.LittleEndian.AppendUint16(b, uint16(tag))
	b = append(b, vr...)
	switch vr {
	case "OB", "OW", "OF", "OD", "OL", "OV", "SV", "UV", "UN", "UT", "UC", "UR", "SQ":
		b = append(b, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	default:
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	}
	return append(b, value...)
}

// image is a small CT file with the usual identifiers; edit changes or adds
// elements, in tag order, before the pixels.
func image(t testing.TB, edit map[dicom.Tag]string) []byte {
	t.Helper()
	values := map[dicom.Tag]string{
		dicom.ImageType: `ORIGINAL\PRIMARY\AXIAL`, dicom.SOPClassUID: storage + "2", dicom.SOPInstanceUID: "1.2.826.4711.3.1",
		dicom.StudyDate: "20240229", dicom.SeriesDate: "20240301", dicom.AcquisitionDate: "20240301", dicom.ContentDate: "20240301",
		0x0008002A: "20240301101112.5+0100", dicom.StudyTime: "101010", dicom.ContentTime: "101112.5",
		dicom.AccessionNumber: "ACC4711", dicom.Modality: "CT", dicom.Manufacturer: "SIEMENS", dicom.InstitutionName: "Clinic Zett",
		dicom.ReferringPhysicianName: "House^Gregory", dicom.StudyDescription: "Thorax for Mrs Plant",
		dicom.PatientName: "Plant^Petra", dicom.PatientID: "PAT4711", dicom.PatientBirthDate: "19470811", dicom.PatientSex: "F",
		0x00101010: "093Y", 0x00101030: "71.5", 0x00102160: "Martian", dicom.BodyPartExamined: "CHEST", dicom.SliceThickness: "1.25",
		0x00181000: "SN4711", kernel: "B30f", dicom.StudyInstanceUID: "1.2.826.4711.1", dicom.SeriesInstanceUID: "1.2.826.4711.2",
		dicom.StudyID: "STU4711", dicom.SeriesNumber: "4", dicom.InstanceNumber: "7", dicom.ImagePositionPatient: `-1\-2\3.5`,
		dicom.FrameOfReferenceUID: "1.2.826.4711.9", patientOrientation: `L\P`, dicom.PhotometricInterpretation: "MONOCHROME2",
		dicom.PixelSpacing: `0.7\0.7`, dicom.RescaleSlope: "1", dicom.RescaleIntercept: "-1024",
	}
	for k, v := range edit {
		values[k] = v
	}
	order := make([]node, 0, len(values))
	for k, v := range values {
		order = append(order, node{tag: k, vr: k.DictionaryVR(), data: []byte(v)})
	}
	var b bytes.Buffer
	enc := dicom.NewEncoder(&b, dicom.ExplicitVRLittle)
	enc.Start(dicom.ExplicitVRLittle, values[dicom.SOPClassUID], values[dicom.SOPInstanceUID])
	for _, n := range ordered(order) {
		if n.tag < 0x00280010 {
			enc.Bytes(n.tag, n.vr, n.data)
		}
	}
	for _, n := range []struct {
		tag dicom.Tag
		v   int64
	}{{dicom.Rows, 2}, {dicom.Columns, 2}, {dicom.BitsAllocated, 16}, {dicom.BitsStored, 16}, {dicom.HighBit, 15}, {dicom.PixelRepresentation, 1}} {
		if v, ok := values[n.tag]; ok {
			enc.Bytes(n.tag, dicom.US, []byte(v))
			continue
		}
		enc.Ints(n.tag, dicom.US, n.v)
	}
	for _, n := range ordered(order) {
		if n.tag > 0x00280103 {
			enc.Bytes(n.tag, n.vr, n.data)
		}
	}
	enc.Bytes(dicom.PixelData, dicom.OW, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
