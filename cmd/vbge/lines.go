package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
)

// maxLine bounds one line of standard input: a 10 MB text in JSON escapes is at most 60 MB.
const maxLine = 64 << 20

// chunk is some lines, or why there are no more.
type chunk struct {
	lines [][]byte
	err   error
}

// chunks yields the lines of r, n at a time and without blank ones, and ends at the first error.
// A cancelled ctx is one, even while r waits for a terminal: the goroutine that reads then stays
// in its Read, which nothing can end, as long as the process.
func chunks(ctx context.Context, r io.Reader, n int) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		read := make(chan chunk)
		go scan(ctx, r, n, read)
		for {
			select {
			case <-ctx.Done():
				yield(nil, fmt.Errorf("interrupted: %w", ctx.Err()))
				return
			case c, ok := <-read:
				if !ok || !yield(c.lines, c.err) || c.err != nil {
					return
				}
			}
		}
	}
}

// scan sends chunks until r ends, and closes the channel.
func scan(ctx context.Context, r io.Reader, n int, to chan<- chunk) {
	defer close(to)
	send := func(c chunk) bool {
		select {
		case to <- c:
			return true
		case <-ctx.Done():
			return false
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var c chunk
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		c.lines = append(c.lines, bytes.Clone(lines.Bytes()))
		if len(c.lines) == n {
			if !send(c) {
				return
			}
			c = chunk{}
		}
	}
	if len(c.lines) > 0 && !send(c) {
		return
	}
	if err := lines.Err(); err != nil {
		send(chunk{err: fmt.Errorf("read lines (of at most %d MB): %w", maxLine>>20, err)})
	}
}
