package portal

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"manx/ledger"
)

// hugeSize is what a file of more than four gigabytes has, nearly all of it a hole.
const hugeSize = 4<<30 + 4096

// TestFaultsInTheBrowser meets what goes wrong with files, node and links, in one
// browser: each is told in both languages, and nothing is lost.
func TestFaultsInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a network and a browser")
	}
	chromium, uiDir := needs(t)
	dir := t.TempDir()
	net := start(t, dir, "--workers", "-1")
	hospital := join(t, dir, net.Address, "Riverside Hospital", ledger.Health, ledger.Hospital)
	faults, study := filepath.Join(dir, "faults"), filepath.Join(dir, "ct")
	series(t, study, 7, markName, markID, 12)
	series(t, filepath.Join(faults, "mixed", "a"), 8, markName, markID, 2)
	series(t, filepath.Join(faults, "mixed", "b"), 9, "Other^Person", "ZQX-2", 1)
	files, err := filepath.Glob(filepath.Join(study, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no slices")
	}
	slice, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	put := func(folder, name string, b []byte) string {
		at := filepath.Join(faults, folder, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	put("foreign", "letter.txt", []byte("Dear patient"))
	put("foreign", "photo.jpg", []byte{0xFF, 0xD8, 0xFF, 0xE0})
	put("cut", "a.dcm", slice[:len(slice)/2])
	if err := os.Truncate(put("huge", "a.dcm", slice[:len(slice)/2]), hugeSize); err != nil {
		t.Fatal(err)
	}
	put("syntax", "a.dcm", compressed(t, slice, "1.2.840.10008.1.2.4.92")) // part 2 of JPEG 2000
	put("damaged", "a.dcm", compressed(t, slice, "1.2.840.10008.1.2.4.91"))

	w := walk{Address: net.Address, Chromium: chromium, UI: uiDir, Out: dir, Private: dir, Profile: filepath.Join(dir, "profile"), Language: "en", Label: "faults", Width: 1280, Height: 860,
		Passphrase: passphrase, Study: study, Hospital: string(hospital.ID()), Faults: faults, Steps: []string{"signUp", "badFolders", "undrawn", "busy", "runOut", "twoTabs", "device"}}
	s := w.run(t)
	if want := []string{"foreign", "huge", "cut", "mixed", "syntax", "damaged", "503", "passphrase", "consent", "device"}; !slices.Equal(s.Faults, want) {
		t.Errorf("told were %q, not %q", s.Faults, want)
	}
	if s.First == 0 || s.Twice >= s.First { // a stripe that had not arrived whole is sent again
		t.Errorf("of %d shards that had arrived %d were sent again", s.First, s.Twice)
	}
}

// compressed makes of a file in explicit little endian one whose pixels claim to be
// compressed by a syntax: one fragment that no codec reads.
func compressed(t *testing.T, file []byte, syntax string) []byte {
	t.Helper()
	uid := []byte("1.2.840.10008.1.2.1\x00")
	head := bytes.Index(file, append([]byte{2, 0, 0x10, 0, 'U', 'I', 20, 0}, uid...))
	group := bytes.Index(file, []byte{2, 0, 0, 0, 'U', 'L', 4, 0})
	pixels := bytes.Index(file, []byte{0xE0, 0x7F, 0x10, 0, 'O', 'W'})
	if head < 0 || group < 0 || pixels < 0 || len(syntax)%2 != 0 {
		t.Fatal("the file is not as the phantom writes it")
	}
	out := slices.Clone(file[:head])
	length := binary.LittleEndian.Uint32(out[group+8:])
	binary.LittleEndian.PutUint32(out[group+8:], length+uint32(len(syntax)-len(uid)))
	out = append(out, 2, 0, 0x10, 0, 'U', 'I', byte(len(syntax)), 0)
	out = append(out, syntax...)
	out = append(out, file[head+8+len(uid):pixels]...)
	out = append(out, 0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
	out = append(out, 0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0)
	out = append(out, 0xFE, 0xFF, 0, 0xE0, 4, 0, 0, 0, 0xFF, 0x4F, 0xFF, 0x51)
	return append(out, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)
}
