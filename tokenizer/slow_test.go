package tokenizer

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"vbge/tokenizer/unicode14"
)

// slow is the rules of MODEL.md section 5 step by step over whole strings, for comparison. It shares only the
// Unicode tables, which have a test of their own, and the ids with Tokenizer.
type slow struct {
	ids map[string]int32
}

// ideographs are the ranges of step 3, in its order.
var ideographs = regexp.MustCompile(`[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}` +
	`\x{2B740}-\x{2B81F}\x{2B820}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]`)

var specialPattern = regexp.MustCompile(`\[UNK\]|\[SEP\]|\[PAD\]|\[CLS\]|\[MASK\]`)

func newSlow(t *Tokenizer) slow {
	s := slow{ids: map[string]int32{}}
	for id, token := range t.tokens {
		s.ids[token] = int32(id)
	}
	return s
}

func (s slow) encode(text string, limit int) []int32 {
	var ids []int32
	last := 0
	for _, at := range append(specialPattern.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		for _, word := range words(text[last:at[0]]) {
			ids = append(ids, s.pieces([]rune(word))...)
		}
		if at[0] < at[1] {
			ids = append(ids, s.ids[text[at[0]:at[1]]])
		}
		last = at[1]
	}
	if limit != 0 {
		ids = ids[:min(len(ids), max(limit, 2)-2)]
	}
	return append(append([]int32{s.ids["[CLS]"]}, ids...), s.ids["[SEP]"])
}

// words takes a text between special tokens. What is no UTF-8, encoded surrogates among it, is dropped by the byte.
func words(text string) []string {
	var clean strings.Builder
	for _, r := range strings.ToValidUTF8(text, "") {
		first, second := unicode14.Lower(r)
		for _, r := range []rune{first, second} {
			class := unicode14.Lookup(r).Class
			switch {
			case strings.ContainsRune("\t\n\r", r), class == unicode14.Space:
				clean.WriteByte(' ')
			case class == unicode14.Control, r == utf8.RuneError:
			case ideographs.MatchString(string(r)):
				clean.WriteString(" " + string(r) + " ")
			default:
				clean.WriteRune(r)
			}
		}
	}
	var out []string
	for _, word := range strings.Fields(clean.String()) {
		var parted strings.Builder
		for _, r := range nfd(word) {
			switch p := unicode14.Lookup(r); {
			case p.Class == unicode14.Mark:
			case p.Class == unicode14.Punctuation, strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r):
				parted.WriteString(" " + string(r) + " ")
			default:
				parted.WriteRune(r)
			}
		}
		out = append(out, strings.Fields(parted.String())...)
	}
	return out
}

// nfd decomposes all of a word, then sorts each run of non-starters by combining class.
func nfd(word string) []rune {
	var runes []rune
	for _, r := range word {
		runes = unicode14.AppendDecomposition(runes, r)
	}
	ccc := func(r rune) int { return int(unicode14.Lookup(r).CCC) }
	for from := 0; from < len(runes); {
		to := from + 1
		for to < len(runes) && ccc(runes[from]) > 0 && ccc(runes[to]) > 0 {
			to++
		}
		slices.SortStableFunc(runes[from:to], func(a, b rune) int { return ccc(a) - ccc(b) })
		from = to
	}
	return runes
}

func (s slow) pieces(word []rune) []int32 {
	unknown := []int32{s.ids["[UNK]"]}
	if len(word) > 100 {
		return unknown
	}
	var ids []int32
	for from, prefix := 0, ""; from < len(word); prefix = "##" {
		to := len(word)
		for ; to > from; to-- {
			if id, ok := s.ids[prefix+string(word[from:to])]; ok {
				ids = append(ids, id)
				break
			}
		}
		if to == from {
			return unknown
		}
		from = to
	}
	return ids
}

// FuzzEncode compares Encode with slow under three vocabularies: of few words, of near finds, of the letters of the seeds.
func FuzzEncode(f *testing.F) {
	seeds := []string{
		"a photo of a red car", "[CLS] literal [SEP] [sep] [[MASK]]", "İSTANBUL ΣΑΣ Ǆ ẞ", "e\u0301\u0323 \u1e9b\u0323 ≮ \u212b",
		"가각힣 \u1100\u1161\u11a8", "日本語 豈\u3400 \U0002f800 カナ", "\U0001d158\U0001d16d\u034f\U0001d165\u302e\u09c7\u09be",
		"\u00a0a\u2028b\x1fc\u0085d\ufeff\u200d", "a\xffb\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82", strings.Repeat("x", 101) + "é!",
		strings.Repeat("\U0001d16d\U0001d165", 60), "\u0344\u0301a\u0f73\u0f71 \u1fc1\u037e\u0387",
		"a\xed\xa0\xbd\xed\xb8\x80b [C\xffLS] [C\u200dLS] [\xed\xb0\x80SEP] \xf0\x9f\x98\ufffd\xc0\xaf",
	}
	lines := specialLines
	for _, seed := range seeds {
		f.Add(seed, 0)
		f.Add(seed, 7)
		for _, r := range nfd(strings.ToLower(seed)) {
			lines += string(r) + "\n##" + string(r) + "\n"
		}
	}
	f.Add("", 1)
	for _, text := range hostileTexts {
		f.Add(text(400), 0)
	}
	vocabularies := map[*Tokenizer]slow{}
	for _, tok := range []*Tokenizer{tiny(f), hostile(f), newTokenizer(f, lines)} {
		vocabularies[tok] = newSlow(tok)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		for tok, slow := range vocabularies {
			got, want := tok.Encode(nil, text, limit), slow.encode(text, limit)
			if !slices.Equal(got, want) {
				t.Errorf("%+q, limit %d:\n got %v\nwant %v", text, limit, got, want)
			}
		}
	})
}
