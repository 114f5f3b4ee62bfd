package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
)

// maxLine bounds one line of standard input: a 10 MB text in JSON escapes is at most 60 MB.
const maxLine = 64 << 20

// chunks yields the lines of r, n at a time and without blank ones, and ends at the first error.
func chunks(r io.Reader, n int) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 0, 64<<10), maxLine)
		var chunk [][]byte
		for lines.Scan() {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			chunk = append(chunk, bytes.Clone(lines.Bytes()))
			if len(chunk) == n {
				if !yield(chunk, nil) {
					return
				}
				chunk = nil
			}
		}
		if len(chunk) > 0 && !yield(chunk, nil) {
			return
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("read lines (of at most %d MB): %w", maxLine>>20, err))
		}
	}
}
