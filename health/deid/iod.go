package deid

import (
	"strings"

	"manx/health/dicom"
)

// An attribute's type in its IOD (PS3.5, section 7.4): 1 must have a value, 2
// may be empty, 3 may be absent. 0 stands for not known.
type attributeType uint8

// A kind is a family of storage classes that share attribute types and risk.
type kind uint8

const (
	foreign  kind = iota // not covered: held back
	classic              // CT, MR, PET, NM, CR, XA, XRF: one image or frames of one
	digital              // DX, mammography, intra-oral
	enhanced             // enhanced multi-frame CT, MR, XA, PET, tomosynthesis
	derived              // segmentation, parametric map
	therapy              // RT image, dose, structure set, plan
	risky                // ultrasound, secondary capture, endoscopy, microscopy
	photo                // photographs, which show faces
)

const (
	storage    = "1.2.840.10008.5.1.4.1.1."
	wholeSlide = storage + "77.1.6"
)

// kinds maps the last part of a storage class's UID (PS3.4, table B.5-1).
func kindOf(class string) kind {
	s, ok := strings.CutPrefix(class, storage)
	if !ok {
		return foreign
	}
	switch s {
	case "1", "2", "4", "20", "128", "12.1", "12.2":
		return classic
	case "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1":
		return digital
	case "2.1", "2.2", "4.1", "4.3", "4.4", "12.1.1", "12.2.1", "13.1.1", "13.1.2", "13.1.3", "13.1.4", "13.1.5",
		"128.1", "130":
		return enhanced
	case "66.4", "66.7", "30":
		return derived
	case "481.1", "481.2", "481.3", "481.5":
		return therapy
	case "6", "3", "6.1", "6.2", "3.1", "7", "7.1", "7.2", "7.3", "7.4", "14.1", "14.2",
		"77.1.1", "77.1.1.1", "77.1.2", "77.1.2.1", "77.1.3", "77.1.6", "77.1.5.1", "77.1.5.2", "77.1.5.4":
		return risky
	case "77.1.4", "77.1.4.1":
		return photo
	}
	return foreign
}

// Types of the attributes that PS3.15 or this package would otherwise remove
// (PS3.3, modules of the composite IODs). Those not listed are type 3 at the
// top level and of unknown type in items.
var (
	always1 = tags(0x00281054, 0x00283003, 0x00283004, 0x00409210, 0x00480106, 0x00620003, 0x00620005, 0x00620009, 0x0062000F,
		0x00620020, 0x00660031, 0x00660036, 0x00700080, 0x004008EA)
	always2 = tags(0x00201040, 0x00400555, 0x300600A4, 0x300600A6, 0x30060026)

	items1 = tags(0x00080070, 0x00181250, 0x00181251, 0x00189005, 0x00189080, 0x00189100, 0x00209056)
	items2 = tags(0x00189041, 0x00189050)

	common2 = tags(0x00080020, 0x00080023, 0x00080030, 0x00080033, 0x00080050, 0x00080070, 0x00080090, 0x00100010,
		0x00100020, 0x00100030, 0x00100040, 0x00180010, 0x00180015, 0x00200010, 0x00200020, 0x00200060, 0x00700081,
		0x00700084)
	common1 = tags(0x00080008, 0x00080060, 0x00280004)

	pet1  = tags(0x00080021, 0x00080031, 0x00541000)
	pet2  = tags(0x00080022, 0x00080032)
	multi = tags(
		0x0008002A, 0x00080023, 0x00080033, 0x00081111, 0x00181000, 0x00081090, 0x00181020, 0x00080070, 0x00181030, 0x00189005)
	dx1 = tags(0x0018700A)
	rt2 = tags(0x00081070, 0x300E0008, 0x300A00B2, 0x300A0006, 0x300A0007)
)

const (
	referencedImages dicom.Tag = 0x00081140
	sourceImages     dicom.Tag = 0x00082112
)

func tags(t ...dicom.Tag) map[dicom.Tag]bool {
	m := make(map[dicom.Tag]bool, len(t))
	for _, t := range t {
		m[t] = true
	}
	return m
}

// typeOf returns the type of t in an IOD; class is its storage class.
func typeOf(class string, k kind, t dicom.Tag, depth uint8) attributeType {
	pet := class == storage+"128"
	switch {
	case always1[t]:
		return 1
	case always2[t]:
		return 2
	case depth > 0 && items1[t]:
		return 1
	case depth > 0 && items2[t]:
		return 2
	case depth > 0, k == derived && (t == referencedImages || t == sourceImages):
		return 0
	case (k == enhanced || k == derived || class == wholeSlide) && multi[t], pet && pet1[t], k == digital && dx1[t], common1[t]:
		return 1
	case pet && pet2[t], k == therapy && rt2[t], common2[t]:
		return 2
	}
	return 3
}
