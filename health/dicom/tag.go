package dicom

import (
	"fmt"
	"strings"
)

// A Tag names an element: group in the high half, element in the low half.
type Tag uint32

// The tags this module reads. The names are the standard's keywords (PS3.6).
const (
	MetaGroupLength           Tag = 0x00020000
	MetaVersion               Tag = 0x00020001
	MetaSOPClassUID           Tag = 0x00020002
	MetaSOPInstanceUID        Tag = 0x00020003
	TransferSyntaxUID         Tag = 0x00020010
	ImplementationClassUID    Tag = 0x00020012
	SpecificCharacterSet      Tag = 0x00080005
	ImageType                 Tag = 0x00080008
	SOPClassUID               Tag = 0x00080016
	SOPInstanceUID            Tag = 0x00080018
	StudyDate                 Tag = 0x00080020
	SeriesDate                Tag = 0x00080021
	AcquisitionDate           Tag = 0x00080022
	ContentDate               Tag = 0x00080023
	StudyTime                 Tag = 0x00080030
	ContentTime               Tag = 0x00080033
	AccessionNumber           Tag = 0x00080050
	Modality                  Tag = 0x00080060
	PresentationIntentType    Tag = 0x00080068
	Manufacturer              Tag = 0x00080070
	InstitutionName           Tag = 0x00080080
	ReferringPhysicianName    Tag = 0x00080090
	StudyDescription          Tag = 0x00081030
	SeriesDescription         Tag = 0x0008103E
	PatientName               Tag = 0x00100010
	PatientID                 Tag = 0x00100020
	IssuerOfPatientID         Tag = 0x00100021
	PatientBirthDate          Tag = 0x00100030
	PatientSex                Tag = 0x00100040
	PatientAge                Tag = 0x00101010
	PatientSpecies            Tag = 0x00102201 // Patient Species Description
	BodyPartExamined          Tag = 0x00180015
	SliceThickness            Tag = 0x00180050
	KVP                       Tag = 0x00180060
	PatientPosition           Tag = 0x00185100
	ProtocolName              Tag = 0x00181030
	AcquisitionProcessing     Tag = 0x00181400 // Acquisition Device Processing Description
	ImagerPixelSpacing        Tag = 0x00181164
	ViewPosition              Tag = 0x00185101
	StudyInstanceUID          Tag = 0x0020000D
	SeriesInstanceUID         Tag = 0x0020000E
	StudyID                   Tag = 0x00200010
	SeriesNumber              Tag = 0x00200011
	InstanceNumber            Tag = 0x00200013
	PatientOrientation        Tag = 0x00200020
	ImagePositionPatient      Tag = 0x00200032
	ImageOrientationPatient   Tag = 0x00200037
	FrameOfReferenceUID       Tag = 0x00200052
	SliceLocation             Tag = 0x00201041
	SamplesPerPixel           Tag = 0x00280002
	PhotometricInterpretation Tag = 0x00280004
	PlanarConfiguration       Tag = 0x00280006
	NumberOfFrames            Tag = 0x00280008
	Rows                      Tag = 0x00280010
	Columns                   Tag = 0x00280011
	PixelSpacing              Tag = 0x00280030
	PixelAspectRatio          Tag = 0x00280034
	BitsAllocated             Tag = 0x00280100
	BitsStored                Tag = 0x00280101
	HighBit                   Tag = 0x00280102
	PixelRepresentation       Tag = 0x00280103
	PixelPaddingValue         Tag = 0x00280120
	PixelPaddingRangeLimit    Tag = 0x00280121
	BurnedInAnnotation        Tag = 0x00280301
	WindowCenter              Tag = 0x00281050
	WindowWidth               Tag = 0x00281051
	RescaleIntercept          Tag = 0x00281052
	RescaleSlope              Tag = 0x00281053
	RescaleType               Tag = 0x00281054
	VOILUTFunction            Tag = 0x00281056
	RedPaletteDescriptor      Tag = 0x00281101
	GreenPaletteDescriptor    Tag = 0x00281102
	BluePaletteDescriptor     Tag = 0x00281103
	RedPaletteData            Tag = 0x00281201
	GreenPaletteData          Tag = 0x00281202
	BluePaletteData           Tag = 0x00281203
	ModalityLUTSequence       Tag = 0x00283000
	LUTDescriptor             Tag = 0x00283002
	LUTData                   Tag = 0x00283006
	VOILUTSequence            Tag = 0x00283010
	PresentationLUTShape      Tag = 0x20500020
	ExtendedOffsetTable       Tag = 0x7FE00001
	ExtendedOffsetLengths     Tag = 0x7FE00002
	FloatPixelData            Tag = 0x7FE00008
	DoubleFloatPixelData      Tag = 0x7FE00009
	PixelData                 Tag = 0x7FE00010
	Item                      Tag = 0xFFFEE000
	ItemDelimitation          Tag = 0xFFFEE00D
	SequenceDelimitation      Tag = 0xFFFEE0DD
)

// Group returns the group number.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element returns the element number.
func (t Tag) Element() uint16 { return uint16(t) }

// Private reports whether the group is odd.
func (t Tag) Private() bool { return t>>16&1 == 1 }

// String returns the tag as "(gggg,eeee)".
func (t Tag) String() string { return fmt.Sprintf("(%04x,%04x)", t.Group(), t.Element()) }

// Keyword returns the standard's keyword, or "" for a tag it does not define.
func (t Tag) Keyword() string {
	_, keyword := t.lookUp()
	return keyword
}

// DictionaryVR returns the value representation the standard gives the tag
// (PS3.6): the first where it allows several, but OW before OB; UN for a tag it
// does not define, LO for a private creator.
func (t Tag) DictionaryVR() VR {
	if t.Private() {
		if e := t.Element(); e >= 0x10 && e <= 0xFF {
			return LO
		}
		return UN
	}
	switch g := t.Group(); {
	case g >= 0x6000 && g <= 0x601E:
		return overlayVR(t.Element())
	case g >= 0x5000 && g <= 0x501E:
		return curveVR(t.Element())
	}
	vrs, _ := t.lookUp()
	first, _, _ := strings.Cut(vrs, ",")
	if strings.Contains(vrs, "OW") {
		return OW
	}
	return vrOf(first)
}

// overlayVR covers the repeating groups 60xx (PS3.6, table 6-1).
func overlayVR(e uint16) VR {
	switch e {
	case 0x3000:
		return OW
	case 0x0040, 0x0060, 0x0800:
		return CS
	case 0x0015, 0x0045, 0x1302, 0x1303:
		if e >= 0x1302 {
			return DS
		}
		return IS
	case 0x1301:
		return IS
	case 0x0022, 0x1500, 0x4000:
		return LO
	case 0x0050:
		return SS
	case 0x0000:
		return UL
	}
	return US
}

// curveVR covers the retired repeating groups 50xx.
func curveVR(e uint16) VR {
	switch e {
	case 0x3000, 0x200C:
		return OW
	case 0x0020, 0x2610:
		if e == 0x2610 {
			return US
		}
		return CS
	case 0x0030, 0x0040:
		return SH
	case 0x0022, 0x2500:
		return LO
	case 0x0000:
		return UL
	}
	return US
}

// A VR is a value representation: its two letters, first in the high byte.
type VR uint16

// The value representations of PS3.5, section 6.2.
const (
	AE VR = 'A'<<8 | 'E'
	AS VR = 'A'<<8 | 'S'
	AT VR = 'A'<<8 | 'T'
	CS VR = 'C'<<8 | 'S'
	DA VR = 'D'<<8 | 'A'
	DS VR = 'D'<<8 | 'S'
	DT VR = 'D'<<8 | 'T'
	FD VR = 'F'<<8 | 'D'
	FL VR = 'F'<<8 | 'L'
	IS VR = 'I'<<8 | 'S'
	LO VR = 'L'<<8 | 'O'
	LT VR = 'L'<<8 | 'T'
	OB VR = 'O'<<8 | 'B'
	OD VR = 'O'<<8 | 'D'
	OF VR = 'O'<<8 | 'F'
	OL VR = 'O'<<8 | 'L'
	OV VR = 'O'<<8 | 'V'
	OW VR = 'O'<<8 | 'W'
	PN VR = 'P'<<8 | 'N'
	SH VR = 'S'<<8 | 'H'
	SL VR = 'S'<<8 | 'L'
	SQ VR = 'S'<<8 | 'Q'
	SS VR = 'S'<<8 | 'S'
	ST VR = 'S'<<8 | 'T'
	SV VR = 'S'<<8 | 'V'
	TM VR = 'T'<<8 | 'M'
	UC VR = 'U'<<8 | 'C'
	UI VR = 'U'<<8 | 'I'
	UL VR = 'U'<<8 | 'L'
	UN VR = 'U'<<8 | 'N'
	UR VR = 'U'<<8 | 'R'
	US VR = 'U'<<8 | 'S'
	UT VR = 'U'<<8 | 'T'
	UV VR = 'U'<<8 | 'V'
)

// String returns the two letters.
func (v VR) String() string { return string([]byte{byte(v >> 8), byte(v)}) }

// Text reports whether values are character strings, dates and UIDs included.
func (v VR) Text() bool {
	switch v {
	case AE, AS, CS, DA, DS, DT, IS, LO, LT, PN, SH, ST, TM, UC, UI, UR, UT:
		return true
	}
	return false
}

// charset reports whether SpecificCharacterSet governs the value.
func (v VR) charset() bool {
	switch v {
	case LO, LT, PN, SH, ST, UC, UT:
		return true
	}
	return false
}

// single reports whether a backslash is part of the text.
func (v VR) single() bool { return v == LT || v == ST || v == UT || v == UR }

// known reports whether v is in the standard.
func (v VR) known() bool { return v.Text() || v.long() || v.width() > 1 }

// long reports whether an explicit header has a 32-bit length (PS3.5, 7.1.2).
func (v VR) long() bool {
	switch v {
	case OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV:
		return true
	}
	return false
}

// width is the size in bytes of one binary number of v, 1 for bytes and text.
func (v VR) width() int {
	switch v {
	case SS, US, OW, AT:
		return 2
	case SL, UL, FL, OL, OF:
		return 4
	case SV, UV, FD, OV, OD:
		return 8
	}
	return 1
}

func vrOf(s string) VR {
	if len(s) != 2 {
		return UN
	}
	return VR(s[0])<<8 | VR(s[1])
}
