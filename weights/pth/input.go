package pth

import (
	"bufio"
	"fmt"
	"io"
)

// input hands out the bytes of one pickle and knows where it is.
type input struct {
	r    *bufio.Reader
	at   int64 // of the next byte, counted from the beginning of the file or entry
	end  int64 // nothing is read from here on
	word [8]byte
}

// newInput reads r from byte at, and not beyond byte end.
func newInput(r io.ReaderAt, at, end int64) *input {
	return &input{r: bufio.NewReader(io.NewSectionReader(r, at, end-at)), at: at, end: end}
}

// next returns the next n bytes, valid until the call after. It takes no memory for bytes that
// are not there.
func (in *input) next(n uint64) ([]byte, error) {
	if n > uint64(in.end-in.at) {
		return nil, fmt.Errorf("%d bytes needed, %d left", n, in.end-in.at)
	}
	b := in.word[:]
	if n > uint64(len(b)) {
		b = make([]byte, n)
	}
	b = b[:n]
	if _, err := io.ReadFull(in.r, b); err != nil {
		return nil, fmt.Errorf("read %d bytes: %w", n, err)
	}
	in.at += int64(n)
	return b, nil
}

// byte returns the next byte.
func (in *input) byte() (byte, error) {
	if in.at == in.end {
		return 0, fmt.Errorf("1 byte needed, 0 left")
	}
	b, err := in.r.ReadByte()
	if err != nil {
		return 0, fmt.Errorf("read a byte: %w", err)
	}
	in.at++
	return b, nil
}

// number reads a little-endian unsigned integer of width bytes, 8 at most.
func (in *input) number(width int) (uint64, error) {
	b, err := in.next(uint64(width))
	var n uint64
	for i, v := range b {
		n |= uint64(v) << (8 * i)
	}
	return n, err
}

// counted reads a byte string that follows its own length of the given width.
func (in *input) counted(width int) ([]byte, error) {
	n, err := in.number(width)
	if err != nil {
		return nil, err
	}
	return in.next(n)
}

// line reads up to a newline; names of modules and classes are short.
func (in *input) line() (string, error) {
	var line []byte
	for range maxName {
		b, err := in.byte()
		if err != nil {
			return "", fmt.Errorf("a name without an end: %w", err)
		}
		if b == '\n' {
			return string(line), nil
		}
		line = append(line, b)
	}
	return "", fmt.Errorf("a name without an end in %d bytes", maxName)
}
