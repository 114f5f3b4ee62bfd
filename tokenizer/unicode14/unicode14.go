// Package unicode14 holds the Unicode 14.0.0 character data of Python 3.11's unicodedata.
//
// The model's tokenizer drops unassigned code points, so its ids depend on the Unicode version, and Go's own
// tables (package unicode, golang.org/x/text) are of a later one. generate.py writes the tables.
package unicode14

// Class sorts the general categories into those that the tokenizer tells apart.
type Class uint8

const (
	Other       Class = iota // letters, digits, symbols, spacing marks
	Control                  // C*: control, format, surrogate, private use and unassigned
	Space                    // Z*: the spaces, U+2028 and U+2029
	Punctuation              // P*
	Mark                     // Mn: non-spacing marks
)

// Properties of a code point.
type Properties struct {
	Class Class
	CCC   uint8 // canonical combining class
	maps  uint8 // whether it has another lower case (1), a canonical decomposition (2)
}

// Plain says that a code point is its own lower case and its own decomposition.
func (p Properties) Plain() bool { return p.maps == 0 }

const blockShift, blockMask = 7, 127

// Lookup returns the properties of r; a rune outside Unicode is Control, like any unassigned one.
func Lookup(r rune) Properties {
	block := uint32(r) >> blockShift
	if block >= uint32(len(propertyIndex)) {
		return Properties{Class: Control}
	}
	return records[propertyBlocks[uint32(propertyIndex[block])<<blockShift|uint32(r)&blockMask]]
}

// Lower returns Python's chr(r).lower(). Its second code point is 0 except for U+0130, which gives U+0069 U+0307.
func Lower(r rune) (first, second rune) {
	block := uint32(r) >> blockShift
	if block >= uint32(len(lowerIndex)) {
		return r, 0
	}
	if r == '\u0130' {
		second = '\u0307'
	}
	return r + shifts[lowerBlocks[uint32(lowerIndex[block])<<blockShift|uint32(r)&blockMask]], second
}

// Hangul syllables are composed by arithmetic (The Unicode Standard, section 3.12).
const (
	hangulBase, hangulCount = 0xAC00, 11172
	leadBase                = 0x1100
	vowelBase, vowelCount   = 0x1161, 21
	trailBase, trailCount   = 0x11A7, 28
)

// AppendDecomposition appends the full canonical decomposition (NFD) of r alone, which is r itself for most.
// What several code points decompose to has still to be put in canonical order.
func AppendDecomposition(dst []rune, r rune) []rune {
	if s := r - hangulBase; 0 <= s && s < hangulCount {
		dst = append(dst, leadBase+s/(vowelCount*trailCount), vowelBase+s/trailCount%vowelCount)
		if trail := s % trailCount; trail != 0 {
			dst = append(dst, trailBase+trail)
		}
		return dst
	}
	block := uint32(r) >> blockShift
	if block >= uint32(len(decompositionIndex)) {
		return append(dst, r)
	}
	at := decompositionBlocks[uint32(decompositionIndex[block])<<blockShift|uint32(r)&blockMask]
	if at == 0 {
		return append(dst, r)
	}
	return append(dst, runes[at+1:][:runes[at]]...)
}
