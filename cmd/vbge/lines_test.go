package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// TestChunks: lines in order, none lost, blank ones left out, n at a time, whatever the reader does.
func TestChunks(t *testing.T) {
	errDisk := errors.New("the disk is gone")
	tests := []struct {
		name string
		in   io.Reader
		n    int
		want []string // chunks, lines joined by |
		err  string
	}{
		{"nothing", strings.NewReader(""), 2, nil, ""},
		{"blank lines", strings.NewReader("\n \n\t\r\n"), 2, nil, ""},
		{"full chunks", strings.NewReader("a\nb\nc\nd\n"), 2, []string{"a|b", "c|d"}, ""},
		{"the last one smaller", strings.NewReader("a\n\nb\n \nc"), 2, []string{"a|b", "c"}, ""},
		{"a byte at a time", iotest.OneByteReader(strings.NewReader("ab\r\ncd\r\n")), 1, []string{"ab", "cd"}, ""},
		{"broken off", io.MultiReader(strings.NewReader("a\nb\nc\n"), iotest.ErrReader(errDisk)), 2, []string{"a|b", "c"}, errDisk.Error()},
		{"a long line", strings.NewReader("a\n" + strings.Repeat("x", maxLine+1)), 2, []string{"a"}, "at most 64 MB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			var failed error
			for lines, err := range chunks(t.Context(), test.in, test.n) {
				if err != nil {
					failed = err
					continue
				}
				got = append(got, string(bytes.Join(lines, []byte("|"))))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if (failed == nil) != (test.err == "") || failed != nil && !strings.Contains(failed.Error(), test.err) {
				t.Errorf("error %v, want %q", failed, test.err)
			}
		})
	}
}

// TestChunksLeft: who stops early leaves no goroutine behind, which synctest would tell.
func TestChunksLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range chunks(context.Background(), strings.NewReader("a\nb\nc\n"), 1) { // t's own ends with t
			break
		}
	})
}

// FuzzLine: what is taken is exactly one JSON object of the known fields.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{`{"text":"a"}`, `{"image":"a.jpg","text":""}`, `{"embedding":[1,2.5e-3]}`, `{"text":"a"} {}`, `{"text":"a"}}`, `null`, `[]`, `{"text":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parseLine(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is taken and is no JSON", text)
		}
		again, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseLine(again)
		if err != nil || !same(l.Text, back.Text) || !same(l.Image, back.Image) || !slices.Equal(l.Embedding, back.Embedding) {
			t.Fatalf("%q reads as %s and then as %+v (%v)", text, again, back, err)
		}
	})
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
