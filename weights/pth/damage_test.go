package pth

import (
	"strings"
	"testing"
)

// checkParsed makes sure that a file either is refused with a message of reasonable length, or
// has tensors that are no larger than itself and can be read. It returns the refusal.
func checkParsed(t testing.TB, content []byte) error {
	t.Helper()
	c, err := openBytes(content)
	if err != nil {
		if len(err.Error()) > 4<<10 {
			t.Fatalf("a message of %d bytes: %.200s", len(err.Error()), err)
		}
		return err
	}
	for _, x := range c.Tensors() {
		n, _, _, err := x.Extent()
		if err != nil || n*x.DType.Size() > len(content) {
			t.Fatalf("%s: %d elements out of a file of %d bytes (%v)", x.Name, n, len(content), err)
		}
		if got := copied(t, c, x); len(got) != n*x.DType.Size() {
			t.Fatalf("%s: %d bytes for %d x %s", x.Name, len(got), n, x.DType)
		}
	}
	return nil
}

// placed reports whether a message says where in the file it found something.
func placed(err error) bool {
	for _, word := range []string{"byte ", " bytes", "begins with", "is missing", "without data.pkl", "two checkpoints"} {
		if strings.Contains(err.Error(), word) {
			return true
		}
	}
	return false
}

// TestTruncated cuts files: small ones at every byte, the golden ones here and there.
func TestTruncated(t *testing.T) {
	f := func(path string, stride int) {
		t.Helper()
		content := readFile(t, path)
		for n := 0; n < len(content); n += stride {
			if err := checkParsed(t, content[:n]); err == nil || !placed(err) {
				t.Fatalf("%s: the first %d of %d bytes: error %v, want one that says where", path, n, len(content), err)
			}
		}
	}
	f("testdata/forms/zip_protocol5.pth", 1)
	f("testdata/forms/legacy_protocol2.pth", 3)
	f("testdata/forms/legacy_protocol5.pth", 1)
	f("testdata/old_views.pth", 1)
	f(golden+"micro_fp16.pth", 997)
	f(golden+"micro_legacy.pth", 997)
}

// TestCorrupt changes single bytes of files. What then opens is still read within bounds.
func TestCorrupt(t *testing.T) {
	f := func(path string, stride int) {
		t.Helper()
		content := readFile(t, path)
		refused := 0
		for i := 0; i < len(content); i += stride {
			for _, flip := range []byte{0x01, 0xff} {
				content[i] ^= flip
				if err := checkParsed(t, content); err != nil {
					if refused++; !placed(err) {
						t.Errorf("%s: byte %d: error %v does not say where", path, i, err)
					}
				}
				content[i] ^= flip
			}
		}
		t.Logf("%s: %d of %d changes refused", path, refused, (len(content)+stride-1)/stride*2)
	}
	f("testdata/forms/zip_protocol5.pth", 11)
	f("testdata/forms/legacy_protocol2.pth", 5)
	f("testdata/old_views.pth", 1)
}
