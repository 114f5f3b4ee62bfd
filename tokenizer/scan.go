package tokenizer

import (
	"strings"
	"unicode/utf8"

	"vbge/tokenizer/unicode14"
)

const (
	maxWord          = 100 // code points; a longer word is one [UNK]
	maxDecomposition = 4   // code points in the longest canonical decomposition
)

// kind is what a byte of text means when it is met.
type kind uint8

const (
	letter      kind = iota // part of a word
	dropped                 // control characters
	space                   // ends a word
	punctuation             // ends a word and is one itself
	multibyte               // starts a code point over U+007F, or is no UTF-8
)

// kinds sorts bytes; lower is ASCII's lower case and every other byte itself.
var kinds, lower = func() (kinds [256]kind, lower [256]byte) {
	for i := range 256 {
		b := byte(i)
		lower[b] = b
		switch {
		case b >= utf8.RuneSelf:
			kinds[b] = multibyte
		case strings.IndexByte(" \t\n\r", b) >= 0:
			kinds[b] = space
		case b < ' ' || b == 0x7F:
			kinds[b] = dropped
		case 'A' <= b && b <= 'Z':
			lower[b] = b + 'a' - 'A'
		case b <= '/', ':' <= b && b <= '@', '[' <= b && b <= '`', '{' <= b:
			kinds[b] = punctuation
		}
	}
	return kinds, lower
}()

// scanner splits one text into words and appends their pieces' ids.
type scanner struct {
	t    *Tokenizer
	ids  []int32
	room int // len(ids) never exceeds it

	// The word in hand, lower-cased, decomposed and without marks.
	word    [maxWord * utf8.UTFMax]byte
	bytes   int  // of word in use
	count   int  // code points in word
	long    bool // the word has more than maxWord code points
	barrier int  // no code point is put in order before this byte of word

	pieces [maxWord]int32 // ids of the word's pieces, until all of it is found
}

// scan reads the text until its end or until there is room for no more ids.
func (s *scanner) scan(text string) {
	for i := 0; i < len(text) && len(s.ids) < s.room; {
		switch b := text[i]; kinds[b] {
		case letter:
			end := i + 1
			for end < len(text) && kinds[text[end]] == letter {
				end++
			}
			s.letters(text[i:end], text[end:])
			i = end
		case dropped:
			i++
		case space:
			s.flush()
			i++
		case punctuation:
			i += s.punctuation(text[i:])
		case multibyte:
			r, size := utf8.DecodeRuneInString(text[i:])
			s.codePoint(r)
			i += size
		}
	}
	s.flush()
}

// letters takes a run of ASCII letters and digits; it is a whole word if nothing precedes it and rest starts with its end.
func (s *scanner) letters(run, rest string) {
	if s.count == 0 && (rest == "" || kinds[rest[0]] == space || kinds[rest[0]] == punctuation) {
		if len(run) > maxWord {
			s.emit(s.t.unk)
		} else {
			emitPieces(s, run)
		}
		return
	}
	for i := 0; i < len(run) && !s.long; i++ {
		s.put(rune(lower[run[i]]), 0)
	}
}

// punctuation takes the special token, or else the one ASCII character, at the start of text; it returns its length.
func (s *scanner) punctuation(text string) int {
	s.flush()
	if text[0] == '[' {
		for i, name := range specials {
			if strings.HasPrefix(text, name) {
				s.emit(s.t.special[i])
				return len(name)
			}
		}
	}
	emitPieces(s, text[:1])
	return 1
}

// codePoint takes a code point over U+007F.
func (s *scanner) codePoint(r rune) {
	p := unicode14.Lookup(r)
	if p.Plain() {
		s.clean(r, p)
		return
	}
	first, second := unicode14.Lower(r)
	s.clean(first, unicode14.Lookup(first))
	if second != 0 {
		s.clean(second, unicode14.Lookup(second))
	}
}

// clean takes a lower-case code point. The reference composes (NFC) before it splits words and decomposes them (NFD);
// that composition is left out because NFD undoes it, and because no white space takes part in one.
func (s *scanner) clean(r rune, p unicode14.Properties) {
	switch {
	case p.Class == unicode14.Control || r == utf8.RuneError:
		return
	case p.Class == unicode14.Space:
		s.flush()
		return
	}
	alone := isCJK(r)
	if alone {
		s.flush()
	}
	if p.Plain() {
		s.decomposed(r, p)
	} else {
		var buffer [maxDecomposition]rune
		for _, part := range unicode14.AppendDecomposition(buffer[:0], r) {
			s.decomposed(part, unicode14.Lookup(part))
		}
	}
	if alone {
		s.flush()
	}
}

// isCJK says whether r is an ideograph by BERT's ranges, which are not Unicode's.
func isCJK(r rune) bool {
	return 0x3400 <= r && (r <= 0x4DBF ||
		0x4E00 <= r && r <= 0x9FFF ||
		0xF900 <= r && r <= 0xFAFF ||
		0x20000 <= r && r <= 0x2A6DF ||
		0x2A700 <= r && r <= 0x2B73F ||
		0x2B740 <= r && r <= 0x2B81F ||
		0x2B820 <= r && r <= 0x2CEAF ||
		0x2F800 <= r && r <= 0x2FA1F)
}

// decomposed takes a code point of a decomposition.
func (s *scanner) decomposed(r rune, p unicode14.Properties) {
	switch {
	case p.Class == unicode14.Mark:
		// A mark is dropped, but one of combining class 0 still parts what stands before it from what comes after.
		if p.CCC == 0 {
			s.barrier = s.bytes
		}
	case p.Class == unicode14.Punctuation || r < utf8.RuneSelf && kinds[r] == punctuation:
		s.flush()
		s.put(r, 0)
		s.flush()
	default:
		s.put(r, p.CCC)
	}
}

// put adds a code point to the word, in canonical order: one of class ccc > 0 goes before those of a higher class that
// end the word. That is an insertion sort, of no more than maxWord code points, since for a longer word none matters.
func (s *scanner) put(r rune, ccc uint8) {
	if s.count == maxWord {
		s.long = true
		return
	}
	at := s.bytes
	for ccc > 0 && at > s.barrier {
		last, size := utf8.DecodeLastRune(s.word[s.barrier:at])
		if unicode14.Lookup(last).CCC <= ccc {
			break
		}
		at -= size
	}
	size := utf8.RuneLen(r)
	copy(s.word[at+size:], s.word[at:s.bytes])
	utf8.EncodeRune(s.word[at:], r)
	s.bytes += size
	s.count++
}

// flush ends the word in hand, if there is one.
func (s *scanner) flush() {
	if s.long {
		s.emit(s.t.unk)
	} else if s.count > 0 {
		emitPieces(s, s.word[:s.bytes])
	}
	s.bytes, s.count, s.long, s.barrier = 0, 0, false, 0
}

// emit appends an id while there is room.
func (s *scanner) emit(id int32) {
	if len(s.ids) < s.room {
		s.ids = append(s.ids, id)
	}
}

// emitPieces appends the ids of a word's pieces, longest first, or one [UNK] if any part of it is not found.
func emitPieces[Word string | []byte](s *scanner, word Word) {
	from, count := root, 0
	for at := 0; at < len(word); count++ {
		id, length := longest(s.t.trie, from, word[at:])
		if length == 0 {
			s.emit(s.t.unk)
			return
		}
		s.pieces[count] = id
		at += length
		from = s.t.continuation
	}
	s.ids = append(s.ids, s.pieces[:min(count, s.room-len(s.ids))]...)
}
