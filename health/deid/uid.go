package deid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"math/big"
	"strings"
	"time"

	"manx/health/dicom"
	"manx/privacy/reveal"
)

// mac is HMAC-SHA256 over a label and length-prefixed parts, so that no two
// uses of the key share an input.
func (p *Profile) mac(label string, parts ...string) []byte {
	h := hmac.New(sha256.New, p.key.Reveal(reveal.Token{}))
	for _, s := range append([]string{"manx/deid/1", label}, parts...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return h.Sum(nil)
}

// UID returns the UID that stands for uid in every output of this key: 2.25.
// and a UUID (version 8) as a decimal number, PS3.5 annex B.2. Without the key
// it cannot be joined to uid, nor to the UID another key gives.
func (p *Profile) UID(uid string) string {
	u := p.mac("uid", strings.TrimSpace(strings.TrimRight(uid, " \x00")))[:16]
	u[6] = u[6]&0x0F | 0x80
	u[8] = u[8]&0x3F | 0x80
	return "2.25." + new(big.Int).SetBytes(u).String()
}

// pseudonym names the patient of f, the same in all files of one patient.
func (p *Profile) pseudonym(f *dicom.File) string {
	b := p.mac("patient", patient(f)...)
	return "MANX-" + base32.StdEncoding.EncodeToString(b)[:12]
}

// shift is the number of days that f's dates move: 1 to 3650 into the past,
// the same for all files of one patient.
func (p *Profile) shift(f *dicom.File) int {
	b := p.mac("dates", patient(f)...)
	return -1 - int(binary.BigEndian.Uint64(b)%3650)
}

// patient returns what tells patients apart: the ID and its issuer; without
// one, name and birth date; without those, the study.
func patient(f *dicom.File) []string {
	if id := f.String(dicom.PatientID); id != "" {
		return []string{"id", id, f.String(dicom.IssuerOfPatientID)}
	}
	if name := f.String(dicom.PatientName); name != "" {
		return []string{"name", name, f.String(dicom.PatientBirthDate)}
	}
	return []string{"study", f.String(dicom.StudyInstanceUID)}
}

// moveDate shifts a DA value, also in the form yyyy.mm.dd of old files.
func moveDate(s string, days int) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) == 10 && s[4] == '.' && s[7] == '.' {
		s = s[:4] + s[5:7] + s[8:]
	}
	t, err := time.Parse("20060102", s)
	if err != nil {
		return "", false
	}
	t = t.AddDate(0, 0, days)
	if t.Year() < 1000 {
		return "", false
	}
	return t.Format("20060102"), true
}

// moveTime accepts a TM value; whole days leave it as it is.
func moveTime(s string) (string, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), ":", "")
	whole, frac, dot := strings.Cut(s, ".")
	n := len(whole)
	if n != 2 && n != 4 && n != 6 || !digits(whole) || dot && (n != 6 || len(frac) > 6 || !digits(frac)) {
		return "", false
	}
	return s, true
}

// moveDateTime shifts a DT value that names a day; its zone stays, so that
// intervals do.
func moveDateTime(s string, days int) (string, bool) {
	s = strings.TrimSpace(s)
	zone := ""
	if i := strings.LastIndexAny(s, "+-"); i > 0 {
		s, zone = s[:i], s[i:]
		if len(zone) != 5 || !digits(zone[1:]) {
			return "", false
		}
	}
	if len(s) < 8 {
		return "", false
	}
	date, ok := moveDate(s[:8], days)
	rest := ""
	if ok && len(s) > 8 {
		rest, ok = moveTime(s[8:])
	}
	return date + rest + zone, ok
}

// digits reports whether s is not empty and only 0 to 9.
func digits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
