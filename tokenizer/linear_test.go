package tokenizer

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostileTexts gives, by name, texts of about n bytes that would cost more than linear time or memory if any step did.
var hostileTexts = map[string]func(n int) string{
	"one word":               repeated("a"),
	"one word of capitals":   repeated("A"),
	"one accented word":      repeated("é"),
	"one word of lone bytes": repeated("a\xff\xed\xa0\x80"),
	"marks":                  after("a", "\u0301\u0323\u0315\u0327"),
	"marks that are kept":    after("a", "\U0001d16d\U0001d165\u302e"),
	"marks in falling order": after("a", "\u0345\u0315\u0301\u0323\u302e\U0001d165"),
	"marks, kept, parted":    repeated("\U0001d16d\u034f\U0001d165"),
	"marks and nothing else": repeated("\u0301"),
	"kept marks in words":    repeated(strings.Repeat("\U0001d16d\U0001d165", 49) + " "),
	"#":                      repeated("#"),
	"[":                      repeated("["),
	"[CLS":                   repeated("[CLS"),
	"[CLS]":                  repeated("[CLS]"),
	"[MASK and a mark":       repeated("[MASK\u0301]"),
	"spaces":                 repeated(" "),
	"wide spaces":            repeated("\u3000\u2028"),
	"controls":               repeated("\x00\u200d\ufffd"),
	"punctuation":            repeated(".,;!"),
	"wide punctuation":       repeated("。、「」"),
	"CJK":                    repeated("日本語"),
	"CJK of Unicode 3.1":     repeated("\U0002f800\U00020000"),
	"Hangul":                 repeated("각힣"),
	"Hangul letters":         repeated("\u1100\u1161\u11a8"),
	"decompositions":         repeated("ᾂ\u0344ṩ"),
	"lower case is longer":   repeated("İ"),
	"not UTF-8":              repeated("\xf4\x8f\xbf"),
	"longer tokens missed":   repeated(strings.Repeat("a", 100) + " "),
	"words nearly found":     repeated(strings.Repeat("a", 99) + "z "),
	"words":                  repeated("the café’s wörd, "),
}

func repeated(part string) func(n int) string { return after("", part) }

func after(start, part string) func(n int) string {
	return func(n int) string { return start + strings.Repeat(part, n/len(part)) }
}

// hostile is a tokenizer in which the search for the longest token goes far for each letter, and back to that letter alone;
// bert-base-uncased has no token as long.
func hostile(t testing.TB) *Tokenizer {
	t.Helper()
	near := strings.Repeat("a", 24) + "b\n"
	return newTokenizer(t, specialLines+"a\n##a\n"+near+"##"+near+"[\n#\n.\n!\n日\ni\nthe\nᄀ\n##ᅡ\n##ᆨ\n"+
		"\U0001d165\n##\U0001d165\n##\U0001d16d\n")
}

// allocated is the bytes that f allocates, counted as they are handed out, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestLinear gives every hostile text as 10 MB. No clock is read: quadratic work would be 10^14 steps, which no run of the
// tests waits for, and BenchmarkHostile shows the time a byte at two sizes. What is counted is ids, of which there are no
// more than code points, and memory, of which there is none but for the ids (and what the tests' own runtime takes).
func TestLinear(t *testing.T) {
	const little = 64 << 10
	tok := hostile(t)
	size := 10 << 20
	if testing.Short() || raceDetector {
		size = 1 << 16
	}
	dst := make([]int32, 0, size+2)
	for name, make := range hostileTexts {
		t.Run(name, func(t *testing.T) {
			text := make(size)
			var ids []int32
			if bytes := allocated(func() { ids = tok.Encode(dst, text, 0) }); bytes > little {
				t.Errorf("%d bytes allocated beside the ids", bytes)
			}
			if most := utf8.RuneCountInString(text) + 2; len(ids) > most {
				t.Errorf("%d ids, want at most %d", len(ids), most)
			}
			for _, limit := range []int{2, 512} {
				if bytes := allocated(func() { ids = tok.Encode(nil, text, limit) }); bytes > little || len(ids) > limit {
					t.Errorf("limit %d: %d ids, %d bytes allocated", limit, len(ids), bytes)
				}
			}
		})
	}
}

// TestLinearIDs compares the ids of hostile texts with the slow implementation's.
func TestLinearIDs(t *testing.T) {
	tok := hostile(t)
	slow := newSlow(tok)
	for name, make := range hostileTexts {
		text := make(4000)
		if got, want := tok.Encode(nil, text, 0), slow.encode(text, 0); !slices.Equal(got, want) {
			t.Errorf("%s: %d ids, want %d", name, len(got), len(want))
		}
	}
}

// BenchmarkHostile shows whether the time a byte is the same for 1 MB and 10 MB.
func BenchmarkHostile(b *testing.B) {
	tok := hostile(b)
	dst := make([]int32, 0, 10<<20+2)
	for name, make := range hostileTexts {
		for size, text := range map[string]string{"1MB": make(1 << 20), "10MB": make(10 << 20)} {
			b.Run(name+"/"+size, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					tok.Encode(dst, text, 0)
				}
			})
		}
	}
}
