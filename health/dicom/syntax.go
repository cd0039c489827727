package dicom

// The transfer syntaxes whose data set or pixels this package handles itself.
const (
	ImplicitVRLittle = "1.2.840.10008.1.2"
	ExplicitVRLittle = "1.2.840.10008.1.2.1"
	ExplicitVRBig    = "1.2.840.10008.1.2.2"
	DeflatedLittle   = "1.2.840.10008.1.2.1.99"
	JPEGBaseline     = "1.2.840.10008.1.2.4.50"
	JPEGExtended     = "1.2.840.10008.1.2.4.51"
	JPEGLossless     = "1.2.840.10008.1.2.4.57"
	JPEGLosslessSV1  = "1.2.840.10008.1.2.4.70"
	RLELossless      = "1.2.840.10008.1.2.5"
)

// PlainUID returns uid where it has the form of one (PS3.5, section 9), else "":
// anything can stand in a file where a UID should.
func PlainUID(uid string) string {
	if len(uid) > 64 || len(uid) == 0 || uid[0] < '0' || uid[0] > '2' {
		return ""
	}
	for i := range len(uid) {
		if c := uid[i]; c != '.' && (c < '0' || c > '9') {
			return ""
		}
	}
	return uid
}

// SyntaxName returns a transfer syntax's name in PS3.6, shortened, or
// "unknown transfer syntax".
func SyntaxName(uid string) string {
	switch uid {
	case ImplicitVRLittle:
		return "Implicit VR Little Endian"
	case ExplicitVRLittle:
		return "Explicit VR Little Endian"
	case ExplicitVRBig:
		return "Explicit VR Big Endian"
	case DeflatedLittle:
		return "Deflated Explicit VR Little Endian"
	case JPEGBaseline:
		return "JPEG Baseline"
	case JPEGExtended:
		return "JPEG Extended"
	case "1.2.840.10008.1.2.4.53":
		return "JPEG Spectral Selection"
	case "1.2.840.10008.1.2.4.55":
		return "JPEG Full Progression"
	case JPEGLossless:
		return "JPEG Lossless"
	case JPEGLosslessSV1:
		return "JPEG Lossless, first-order prediction"
	case JPEGLSLossless:
		return "JPEG-LS Lossless"
	case JPEGLSNearLossless:
		return "JPEG-LS Near-Lossless"
	case JPEG2000Lossless:
		return "JPEG 2000 Lossless"
	case JPEG2000:
		return "JPEG 2000"
	case "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93":
		return "JPEG 2000 Part 2"
	case "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203":
		return "High-Throughput JPEG 2000"
	case RLELossless:
		return "RLE Lossless"
	}
	return "unknown transfer syntax"
}
