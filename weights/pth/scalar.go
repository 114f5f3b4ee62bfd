package pth

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// scalar handles None, booleans and floats.
func (m *machine) scalar(op byte) error {
	switch op {
	case 'N':
		m.push(none{})
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		m.push(op == 0x88)
	case 'G': // BINFLOAT, the one big-endian number
		b, err := m.in.next(8)
		if err != nil {
			return err
		}
		m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	return nil
}

// integer handles BININT, BININT1 and BININT2, of which the first is signed, and LONG1, which
// has any width and is signed.
func (m *machine) integer(op byte) error {
	var b []byte
	var err error
	switch op {
	case 'J':
		b, err = m.in.next(4)
	case 'K':
		b, err = m.in.next(1)
	case 'M':
		b, err = m.in.next(2)
	case 0x8a:
		b, err = m.in.counted(1)
	}
	if err != nil {
		return err
	}
	if len(b) > 8 {
		m.push(bigInt(b))
		return nil
	}
	var word [8]byte
	if signed := op == 'J' || op == 0x8a; signed && len(b) > 0 && b[len(b)-1] >= 0x80 {
		word = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(word[:], b)
	m.push(int64(binary.LittleEndian.Uint64(word[:])))
	return nil
}

// text handles strings, and bytes, of which nothing is kept.
func (m *machine) text(op byte) error {
	width := 8 // of the length before: BINUNICODE8, BINBYTES8, BYTEARRAY8
	switch op {
	case 'U', 0x8c, 'C': // SHORT_BINSTRING, SHORT_BINUNICODE, SHORT_BINBYTES
		width = 1
	case 'T', 'X', 'B': // BINSTRING, BINUNICODE, BINBYTES
		width = 4
	}
	b, err := m.in.counted(width)
	if err != nil {
		return err
	}
	switch op {
	case 'B', 'C', 0x8e, 0x96:
		m.push(opaque("bytes"))
		return nil
	}
	// Python 2's strings ('T', 'U') are text to torch.load as well, in UTF-8.
	if !utf8.Valid(b) {
		return fmt.Errorf("a string that is no UTF-8")
	}
	m.push(string(b))
	return nil
}
