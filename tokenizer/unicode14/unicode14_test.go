package unicode14

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// appendHex prints code points as generate.py's listing does, each in four digits or more.
func appendHex(line []byte, runes []rune) []byte {
	const digits = "0123456789ABCDEF"
	for i, r := range runes {
		if i > 0 {
			line = append(line, ' ')
		}
		for shift := max(12, (bits.Len32(uint32(r))-1)/4*4); shift >= 0; shift -= 4 {
			line = append(line, digits[r>>shift&15])
		}
	}
	return line
}

// TestListing compares every property of every code point with Python's unicodedata, by the hash of a listing.
func TestListing(t *testing.T) {
	want, err := os.ReadFile("testdata/listing.sha256")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	var parts []rune
	var line []byte
	for r := rune(0); r <= utf8.MaxRune; r++ {
		first, second := Lower(r)
		lower := []rune{first, second}
		if second == 0 {
			lower = lower[:1]
		}
		parts = AppendDecomposition(parts[:0], r)
		p := Lookup(r)
		line = append(appendHex(line[:0], []rune{r}), ';', '0'+byte(p.Class), ';')
		line = append(strconv.AppendUint(line, uint64(p.CCC), 10), ';')
		line = append(appendHex(line, lower), ';')
		line = append(appendHex(line, parts), '\n')
		sum.Write(line)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != strings.TrimSpace(string(want)) {
		t.Errorf("listing of all code points has SHA-256 %s, Python's has %s", got, want)
	}
}

// TestAgainstGo compares the classes with Go's tables: whatever 14.0 assigned, a later version leaves in its class.
func TestAgainstGo(t *testing.T) {
	counts := map[Class]int{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		got, want := Lookup(r).Class, Other
		switch {
		case unicode.Is(unicode.C, r):
			want = Control
		case unicode.Is(unicode.Z, r):
			want = Space
		case unicode.Is(unicode.P, r):
			want = Punctuation
		case unicode.Is(unicode.Mn, r):
			want = Mark
		}
		counts[got]++
		if got != want && got != Control {
			t.Errorf("U+%04X: class %d, Go's %s has %d", r, got, unicode.Version, want)
		}
	}
	t.Logf("code points in each class: %v", counts)
}

func TestPlain(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		lower, _ := Lower(r)
		parts := AppendDecomposition(nil, r)
		if want := lower == r && parts[0] == r; Lookup(r).Plain() != want {
			t.Errorf("U+%04X: plain %t, lower case %04X, decomposition %04X", r, !want, lower, parts)
		}
	}
}

func TestOutsideUnicode(t *testing.T) {
	for _, r := range []rune{-1, utf8.MaxRune + 1, 1<<31 - 1, -1 << 31} {
		if p := Lookup(r); p.Class != Control || !p.Plain() {
			t.Errorf("rune %d: %+v", r, p)
		}
		if first, second := Lower(r); first != r || second != 0 {
			t.Errorf("rune %d has lower case %d %d", r, first, second)
		}
		if parts := AppendDecomposition(nil, r); len(parts) != 1 || parts[0] != r {
			t.Errorf("rune %d decomposes to %d", r, parts)
		}
	}
}
