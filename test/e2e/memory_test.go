package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"manx/health/dicom"
)

// bulk writes a CT series of size bytes, in slices of half a MiB of noise.
func bulk(t testing.TB, dir string, size int64) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o700))
	const side = 512
	pixels := make([]byte, side*side*2)
	r := rand.NewChaCha8([32]byte{7})
	for i := range int(size / int64(len(pixels))) {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%05d.dcm", i)))
		check(t, err)
		_, _ = r.Read(pixels)
		const class, base = "1.2.840.10008.5.1.4.1.1.2", "1.2.826.0.1.99."
		e := dicom.NewEncoder(f, dicom.ExplicitVRLittle)
		e.Start(dicom.ExplicitVRLittle, class, base+"3."+strconv.Itoa(i))
		e.Text(dicom.SOPClassUID, dicom.UI, class)
		e.Text(dicom.SOPInstanceUID, dicom.UI, base+"3."+strconv.Itoa(i))
		e.Text(dicom.Modality, dicom.CS, "CT")
		e.Text(dicom.PatientName, dicom.PN, "Bulk^Bertha")
		e.Text(dicom.PatientID, dicom.LO, "BULK")
		e.Text(dicom.StudyInstanceUID, dicom.UI, base+"1")
		e.Text(dicom.SeriesInstanceUID, dicom.UI, base+"2")
		e.Ints(dicom.InstanceNumber, dicom.IS, int64(i+1))
		e.Ints(dicom.SamplesPerPixel, dicom.US, 1)
		e.Text(dicom.PhotometricInterpretation, dicom.CS, "MONOCHROME2")
		e.Ints(dicom.Rows, dicom.US, side)
		e.Ints(dicom.Columns, dicom.US, side)
		e.Ints(dicom.BitsAllocated, dicom.US, 16)
		e.Ints(dicom.BitsStored, dicom.US, 16)
		e.Ints(dicom.HighBit, dicom.US, 15)
		e.Ints(dicom.PixelRepresentation, dicom.US, 1)
		e.Bytes(dicom.PixelData, dicom.OW, pixels)
		check(t, e.Close())
		check(t, f.Close())
	}
}

// status reads one line of a process's status, in bytes; 0 when it has ended.
func status(pid int, field string) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), field+":"); ok {
			n, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// Adding a study takes at most 64 MiB of memory, however large it is. Opening the
// keyring takes 256 MiB for a moment before that: it is what makes a passphrase
// dear to guess. What the bound counts is the process's own (anonymous) memory.
// The kernel also counts the pages of the binary that it has mapped, which all
// manx processes share and which it takes back at will; they are reported.
func TestAddingALargeStudyTakesLittleMemory(t *testing.T) {
	size, most := int64(128<<20), int64(64<<20)
	if os.Getenv("MANX_LONG") != "" {
		size = 1 << 30
	}
	dir := t.TempDir()
	bulk(t, filepath.Join(dir, "study"), size)
	pass := filepath.Join(dir, "passphrase")
	check(t, os.WriteFile(pass, []byte("a passphrase of some length"), 0o600))
	env := []string{"MANX_DATA=" + filepath.Join(dir, "home"), "MANX_NODE=" + net.address, "MANX_PASSPHRASE_FILE=" + pass}
	c := net.command(t, "keys", "new", "--json")
	c.Env = env
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	began := time.Now()
	c = net.command(t, "study", "add", filepath.Join(dir, "study"), "--json")
	c.Env = env
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	check(t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	var opening, own, all int64
	reset := false
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case err := <-ended:
			tick.Stop()
			if err != nil {
				t.Fatalf("%s", out.String())
			}
			t.Logf("a study of %d MiB in %.1f s: %d MiB resident while the keyring opened; then at most %d MiB of its own, %d MiB with the pages of the binary",
				size>>20, time.Since(began).Seconds(), opening>>20, own>>20, all>>20)
			if !reset {
				t.Skip("this system does not reset a process's peak of memory")
			}
			if own > most || own == 0 {
				t.Errorf("adding took %d MiB, over %d", own>>20, most>>20)
			}
			return
		case <-tick.C:
		}
		peak := status(c.Process.Pid, "VmHWM")
		switch now := status(c.Process.Pid, "VmRSS"); {
		case reset:
			own, all = max(own, status(c.Process.Pid, "RssAnon")), max(all, peak)
		case peak > 200<<20 && now < 100<<20: // the keyring is open: count anew
			opening = peak
			reset = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.Process.Pid), []byte("5"), 0) == nil
		}
	}
}
