package tokenizer

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

const specialLines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

func newTokenizer(t testing.TB, lines string) *Tokenizer {
	t.Helper()
	tok, err := New(strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestNewRefuses(t *testing.T) {
	tests := []struct{ name, vocab, want string }{
		{"empty", "", "lacks [UNK]"},
		{"no mask", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[mask]\n", "lacks [MASK]"},
		{"not text", specialLines + "a\nb\xff\n", "line 7 is not UTF-8"},
		{"endless line", specialLines + strings.Repeat("x", 1<<17), "line 6 is over"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := New(strings.NewReader(test.vocab)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
	broken := errors.New("broken")
	if _, err := New(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	if _, err := Load("testdata/absent.txt"); err == nil || !strings.Contains(err.Error(), "absent.txt") {
		t.Errorf("got error %v, want one with the path", err)
	}
}

func TestVocabularyLines(t *testing.T) {
	tests := []struct {
		name, vocab string
		size        int
		want        []int32 // ids of "a b"
	}{
		{"unix", specialLines + "a\nb\n", 7, []int32{2, 5, 6, 3}},
		{"no last newline", specialLines + "a\nb", 7, []int32{2, 5, 6, 3}},
		{"windows", strings.ReplaceAll(specialLines+"a\nb\n", "\n", "\r\n"), 7, []int32{2, 5, 6, 3}},
		{"empty lines count", specialLines + "\na\n\nb\n", 9, []int32{2, 6, 8, 3}},
		{"last of equal lines", specialLines + "a\na\nb\n", 8, []int32{2, 6, 7, 3}},
		{"specials anywhere", "a\n[MASK]\n[SEP]\nb\n[CLS]\n[PAD]\n[UNK]\n", 7, []int32{4, 0, 3, 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tok := newTokenizer(t, test.vocab)
			if tok.Size() != test.size {
				t.Errorf("size %d, want %d", tok.Size(), test.size)
			}
			if got := tok.Encode(nil, "a b", 0); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestToken(t *testing.T) {
	tok := newTokenizer(t, specialLines+"a\n")
	for id, want := range map[int32]string{-1: "", 0: "[PAD]", 5: "a", 6: "", 1 << 30: ""} {
		if got := tok.Token(id); got != want {
			t.Errorf("token %d is %q, want %q", id, got, want)
		}
	}
}

// TestEncode spells out the rules one by one; "?" is [UNK], and [CLS] and [SEP] at the ends are left out.
func TestEncode(t *testing.T) {
	tok := newTokenizer(t, specialLines+strings.Join([]string{
		"a", "##a", "ab", "##b", "abc", "##cd", "e", "i", "x", "##x", "σ", "##σ", "ᄀ", "##ᅡ", "##ᆨ", "豈", "日", "カ",
		"[", "]", "!", "<", "¿", "\U0001d158", "##\U0001d165", "##\U0001d16d", "##\u302e", "sep",
	}, "\n"))
	tests := []struct{ name, text, want string }{
		{"longest first", "abcd abab", "? ab ##a ##b"},
		{"whole word unknown", "aaaz a", "? a"},
		{"backing off", "abcda a##a", "? a ? ? a"},
		{"lower case", "AB İ", "ab i"},
		{"no final sigma", "ΣΣ", "σ ##σ"},
		{"accent", "e\u0301 é ÉE", "e e ?"},
		{"punctuation", "a!a ≮ ¿", "a ! a < ¿"},
		{"controls", "a\x00a a\x0ba\u200da\ufffda", "a ##a a ##a ##a ##a"},
		{"unassigned in 14.0", "a\U0001e4d0a\U0001fadaa", "a ##a ##a"},
		{"spaces", "a\ta\na\ra\u00a0a\u2003a\u3000a\u2028a\u2029a", "a a a a a a a a a"},
		{"unit separator is no space", "a\x1fa\u0085a", "a ##a ##a"},
		{"CJK alone", "a日日a 豈", "a 日 日 a 豈"},
		{"kana together", "カa aカ", "カ ##a ?"},
		{"Hangul", "가 각", "ᄀ ##ᅡ ᄀ ##ᅡ ##ᆨ"},
		{"special", "a[SEP]a[MASK] [sep]", "a [SEP] a [MASK] [ sep ]"},
		{"special in special", "[[CLS]] [[UNK]", "[ [CLS] ] [ [UNK]"},
		{"special cut short", "[SEP", "[ sep"},
		{"accent after special", "[SEP]\u0301", "[SEP]"},
		{"canonical order", "\U0001d158\U0001d16d\U0001d165", "\U0001d158 ##\U0001d165 ##\U0001d16d"},
		{"equal class keeps order", "a\U0001d16d\u302ea\u302e\U0001d16d", "a ##\u302e ##\U0001d16d ##a ##\u302e ##\U0001d16d"},
		{"no order past a joiner", "\U0001d158\U0001d16d\u034f\U0001d165", "\U0001d158 ##\U0001d16d ##\U0001d165"},
		{"not UTF-8", "a\xff\xc0\xafa\xed\xa0\x80a\xf4\x90\x80\x80a\xe2\x82", "a ##a ##a ##a"},
		{"100 code points", strings.Repeat("x", 100), "x" + strings.Repeat(" ##x", 99)},
		{"101 code points", strings.Repeat("x", 101) + " a", "? a"},
		{"100 and accents", "a " + strings.Repeat("σ\u0301", 100), "a σ" + strings.Repeat(" ##σ", 99)},
		{"101 and accents", strings.Repeat("σ\u0301", 101) + "!a", "? ! a"},
		{"101, one of them over ASCII", strings.Repeat("x", 100) + "σ\u00a0a", "? a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			ids := tok.Encode(nil, test.text, 0)
			for _, id := range ids[1 : len(ids)-1] {
				got = append(got, tok.Token(id))
			}
			if want := strings.Fields(strings.ReplaceAll(test.want, "?", "[UNK]")); !slices.Equal(got, want) {
				t.Errorf("%+q:\n got %+q\nwant %+q", test.text, got, want)
			}
		})
	}
}

// TestLimit compares every limit with the cut of what no limit gives.
func TestLimit(t *testing.T) {
	tok := newTokenizer(t, specialLines+"a\n##a\nb\n!\n日\n[\n")
	for _, text := range []string{"", "a", "aaa b", "b aaaz aa", "b!!b", "b日日b", "[[SEP]b[UNK]", "aé日aaa", "aaa\u00a0aaaz"} {
		all := tok.Encode(nil, text, 0)
		for limit := -1; limit <= len(all)+2; limit++ {
			if limit == 0 {
				continue
			}
			content := all[1 : len(all)-1]
			want := append([]int32{7, all[0]}, content[:min(len(content), max(limit-2, 0))]...)
			want = append(want, all[len(all)-1])
			dst := make([]int32, 1, 1+max(limit, 2))
			dst[0] = 7
			got := tok.Encode(dst, text, limit)
			if !slices.Equal(got, want) {
				t.Errorf("%q, limit %d: got %v, want %v", text, limit, got, want)
			}
			if &got[0] != &dst[0] {
				t.Errorf("%q, limit %d: a slice with room was left", text, limit)
			}
		}
	}
}

func TestExtremeLimit(t *testing.T) {
	tok := newTokenizer(t, specialLines+"a\n")
	for limit, want := range map[int]int{math.MinInt: 2, math.MinInt + 1: 2, math.MaxInt: 4, math.MaxInt - 1: 4} {
		if got := tok.Encode(nil, "a a", limit); len(got) != want {
			t.Errorf("limit %d: %d ids, want %d", limit, len(got), want)
		}
	}
}

func TestConcurrent(t *testing.T) {
	tok := tiny(t)
	texts := []string{"a photo of a red car", "Ünïcödé 日本語 각", strings.Repeat("long ", 300), "[MASK]!"}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			want := tok.Encode(nil, texts[i%4], 64)
			var got []int32
			for range 200 {
				if got = tok.Encode(got[:0], texts[i%4], 64); !slices.Equal(got, want) {
					t.Errorf("%q: got %v, want %v", texts[i%4], got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestTrie(t *testing.T) {
	ids := map[string]int32{"": 0, "a": 1, "abc": 2, "b": 3, "abd": 4, "\x00": 5, "\xff\xff": 6, "日本": 7, "日": 8}
	built := newTrie(ids)
	for key, id := range ids {
		if n := built.walk(root, key); n == none || built[n].id != id {
			t.Errorf("%q leads to node %d, want id %d", key, n, id)
		}
	}
	for _, key := range []string{"c", "abe", "abcd", "\xff\xff\xff", "日本語"} {
		if n := built.walk(root, key); n != none {
			t.Errorf("%q leads to node %d, want none", key, n)
		}
	}
	if n := newTrie(nil).walk(root, "a"); n != none {
		t.Errorf("empty trie has node %d", n)
	}
}
