package deid

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"manx/health/dicom"
)

// A hold is why a file is kept out of the derivative.
type hold struct {
	reason     string
	reviewable bool // a person who sees no text in the image may release it
}

// Quarantine reports whether f must be held back for a human look, and why.
// The reason quotes no value. It judges by what the file says, not by looking
// at the pixels: burned-in text in a file that says PRIMARY and says nothing of
// text is not found.
func (p *Profile) Quarantine(f *dicom.File) (reason string, held bool) {
	h := holdReason(f)
	return h.reason, h.reason != ""
}

// Reviewable reports whether a person who has looked at the pixels may release f, for
// Reviewed.
func (p *Profile) Reviewable(f *dicom.File) bool { return holdReason(f).reviewable }

const (
	recognizable    dicom.Tag = 0x00280302
	conversionType  dicom.Tag = 0x00080064
	labelInImage    dicom.Tag = 0x00480010
	overlayPosition dicom.Tag = 0x60000102 // in group 6000; repeats to 601E
	overlayData     dicom.Tag = 0x60003000
)

func holdReason(f *dicom.File) hold {
	class := f.String(dicom.SOPClassUID)
	k := kindOf(class)
	burned := strings.ToUpper(f.String(dicom.BurnedInAnnotation))
	switch {
	case !identified(f, dicom.SOPClassUID) || !identified(f, dicom.SOPInstanceUID):
		return hold{"it does not say what it is: no SOP class or instance UID", false}
	case k == foreign:
		return hold{"objects of this class (a report, document, waveform or other) cannot be cleaned safely", false}
	case burned == "YES":
		return hold{"the file says that text is burned into its pixels", false}
	case strings.ToUpper(f.String(recognizable)) == "YES":
		return hold{"the file says that the patient can be recognised in the image", false}
	case f.String(labelInImage) == "YES", class == wholeSlide && contains(imageType(f), "LABEL", "OVERVIEW"):
		return hold{"the specimen's label may be in the image", false}
	}
	if reason := hidden(f); reason != "" {
		return hold{reason, false}
	}
	if burned == "NO" {
		if k == photo && strings.ToUpper(f.String(recognizable)) != "NO" {
			return hold{"photographs may show the patient's face", true}
		}
		return hold{}
	}
	if reason := risk(f, k); reason != "" {
		return hold{reason, true}
	}
	return hold{}
}

func imageType(f *dicom.File) string {
	return strings.ToUpper(strings.Join(f.Strings(dicom.ImageType), " "))
}

// identified reports whether a UID is there, once, and written as one.
func identified(f *dicom.File, t dicom.Tag) bool {
	e := f.Find(t)
	if e == nil || !fits(e, dicom.UI) {
		return false
	}
	v := f.Strings(t)
	return len(v) == 1 && v[0] != "" && strings.Trim(v[0], "0123456789.") == ""
}

// risk tells images that commonly have text in their pixels, where the file
// does not deny it.
func risk(f *dicom.File, k kind) string {
	switch k {
	case risky:
		return "images of this class often have text burned in, and the file does not say that there is none"
	case photo:
		return "photographs may show the patient's face or text"
	}
	switch f.String(dicom.Modality) {
	case "US", "SC", "OT", "ES", "XC", "GM", "DOC", "IVUS", "OP", "DG", "SR":
		return "images of this modality often have text burned in, and the file does not say that there is none"
	}
	if f.Find(conversionType) != nil {
		return "it is a converted or captured image, and the file does not say that it has no text"
	}
	for i, v := range f.Strings(dicom.ImageType) {
		v = strings.ToUpper(v)
		if i == 1 && v == "SECONDARY" && (k == classic || k == digital) {
			return "it is a secondary image, and the file does not say that it has no text"
		}
		if k != derived && k != therapy && contains(v, "SCREEN", "SAVE", "CAPTURE", "DOSE", "REPORT", "PROTOCOL") {
			return "its image type is that of a screen or report"
		}
	}
	if k == classic && f.String(dicom.Modality) != "NM" && f.String(dicom.Modality) != "PT" {
		if n, ok := f.Ints(dicom.SamplesPerPixel); ok && n[0] == 3 {
			return "it is a colour image of a modality that makes grey ones: a screen, perhaps"
		}
	}
	series := strings.ToUpper(f.String(dicom.SeriesDescription))
	if k == classic && contains(series, "DOSE REPORT", "PATIENT PROTOCOL", "SCREEN SAVE", "SCREENSAVE", "SCREEN CAPTURE",
		"SUMMARY SERIES") {
		return "its series is described as a screen or report"
	}
	return ""
}

func contains(s string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) })
}

// hidden finds what cannot be taken out without touching the pixels: overlays
// in unused bits, and text in compressed frames.
func hidden(f *dicom.File) string {
	for g := dicom.Tag(0); g <= 0x1E0000; g += 0x20000 {
		if n, ok := f.Ints(overlayPosition + g); ok && n[0] != 0 && f.Find(overlayData+g) == nil {
			return "an overlay is drawn in unused bits of the pixels"
		}
	}
	pixels := f.Find(dicom.PixelData)
	switch {
	case pixels == nil:
		return ""
	case !pixels.Encapsulated() && float64(pixels.Length) > imageBytes(f)+1:
		return "bytes that belong to no image follow the pixels"
	case !pixels.Encapsulated():
		return ""
	}
	switch f.TransferSyntax {
	case "", dicom.ImplicitVRLittle, dicom.ExplicitVRBig, dicom.ExplicitVRLittle:
		return "its pixels are compressed, but it does not say how"
	}
	for i := range pixels.Items {
		if i > 0 && commented(f, pixels, &pixels.Items[i]) {
			return "its compressed pixels carry a comment or other text"
		}
	}
	return ""
}

// imageBytes is the length of native pixels by their description.
func imageBytes(f *dicom.File) float64 {
	bits := 1.0
	for _, t := range []dicom.Tag{dicom.Rows, dicom.Columns, dicom.BitsAllocated} {
		n, ok := f.Ints(t)
		if !ok {
			return 0
		}
		bits *= float64(n[0])
	}
	for _, t := range []dicom.Tag{dicom.SamplesPerPixel, dicom.NumberOfFrames} {
		if n, ok := f.Ints(t); ok {
			bits *= float64(n[0])
		}
	}
	return math.Ceil(bits / 8)
}

// encoders are beginnings of comments that compression libraries leave.
var encoders = []string{
	"LEAD Technologies", "Kakadu", "Created by OpenJPEG", "Created by GDCM/OpenJPEG", "Created by Grok", "OpenJPH", "JasPer",
	"Creator: JasPer", "Lavc", "CREATOR: gd-jpeg", "Intel(R)", "AccuSoft", "Pegasus", "Aware", "MITRA_DICOM_STANDARD",
}

// commented reads the marker segments before the first scan of a JPEG, JPEG-LS
// or JPEG 2000 fragment (ISO 10918-1 annex B, 15444-1 annex A) and looks for
// text: comments, and application segments other than the usual ones.
func commented(f *dicom.File, e *dicom.Element, it *dicom.ItemValue) bool {
	var b [64]byte
	read := func(at int64, n int) []byte {
		n = int(min(int64(n), it.Offset+it.Length-at))
		if n <= 0 {
			return nil
		}
		got, _ := f.Raw(e, at, at+int64(n)).ReadAt(b[:n], 0)
		return b[:got]
	}
	at := it.Offset
	head := read(at, 8)
	if bytes.HasPrefix(head, []byte("\x00\x00\x00\x0CjP  ")) {
		return true // JP2 boxes, which DICOM does not allow, may hold XML
	}
	if len(head) < 4 || head[0] != 0xFF || head[1] != 0xD8 && head[1] != 0x4F {
		return false
	}
	j2k := head[1] == 0x4F
	for at += 2; ; {
		m := read(at, 4)
		if len(m) < 4 || m[0] != 0xFF {
			return false
		}
		if m[1] == 0xFF { // fill byte
			at++
			continue
		}
		marker, n := m[1], int64(m[2])<<8|int64(m[3])
		comment := marker == 0xFE && !j2k || marker == 0x64 && j2k
		switch {
		case marker == 0xDA && !j2k, marker == 0x90 && j2k, n < 2:
			return false
		case comment || !j2k && marker >= 0xE0 && marker <= 0xEF:
			if !harmless(marker, read(at+4, int(min(n-2, 64))), n-2, j2k) {
				return true
			}
		}
		at += 2 + n
	}
}

func harmless(marker byte, body []byte, n int64, j2k bool) bool {
	if marker == 0xE0 && bytes.HasPrefix(body, []byte("JFIF\x00")) && n == 14 ||
		marker == 0xE0 && bytes.HasPrefix(body, []byte("LJIF\x00")) && n == 13 ||
		marker == 0xEE && bytes.HasPrefix(body, []byte("Adobe")) && n == 12 ||
		marker == 0xE8 && bytes.HasPrefix(body, []byte("mrfx")) && n <= 8 {
		return true
	}
	if j2k && len(body) > 2 {
		body, n = body[2:], n-2 // registration: binary or Latin
	}
	return n <= 62 && slices.ContainsFunc(encoders, func(s string) bool { return bytes.HasPrefix(body, []byte(s)) }) || n == 0
}

// Uncured tells what de-identifying the attributes of a file does not cure; "" is nothing
// that is known.
func Uncured(f *dicom.File) string {
	switch f.String(dicom.Modality) {
	case "CT", "MR", "PT":
	default:
		return ""
	}
	said := strings.ToUpper(f.String(dicom.BodyPartExamined))
	for _, t := range []dicom.Tag{dicom.StudyDescription, dicom.SeriesDescription, 0x00181030} {
		said += " " + strings.ToUpper(f.String(t))
	}
	if contains(said, "HEAD", "BRAIN", "SKULL", "FACE", "FACIAL", "SINUS", "ORBIT", "NECK", "CRANI", "CEREBR", "WHOLEBODY",
		"WHOLE BODY",
		"KOPF", "SCHÄDEL", "TETE", "TÊTE", "CRÂN", "CABEZA", "头", "颅", "脑", "頭", "脳") {
		return "the series shows a head: a face can be rebuilt from it"
	}
	if strings.TrimSpace(said) == "" {
		return "the series does not say which part of the body it shows: from a head, a face can be rebuilt"
	}
	return ""
}
