package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/tokenizer"
)

// TestIDs: token ids are the text that they come from, bit for bit, with [CLS] and [SEP] or without, beside a picture too,
// and are cut as a text is.
func TestIDs(t *testing.T) {
	words, err := tokenizer.Load(reference + "tiny_vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	picture := readImage(t, "rgb.png")
	e := open(t, convertTiny(t), on("ref"))
	for _, text := range []string{"a red car", strings.Repeat("a red car ", 40), "[CLS] a red car [SEP]"} {
		ids := words.Encode(nil, text, 0)
		for _, image := range [][]byte{nil, picture} {
			want := embed(t, e, engine.Input{Image: image, Text: text})[0]
			for name, given := range map[string][]int32{"enclosed": ids, "bare": ids[1 : len(ids)-1]} {
				if strings.HasPrefix(text, "[CLS]") && name == "bare" {
					continue // these are enclosed already: the text has two of each
				}
				before := slices.Clone(given)
				if got := embed(t, e, engine.Input{Image: image, IDs: given})[0]; !slices.Equal(got, want) {
					t.Errorf("%.20q, %s: not the text's embedding", text, name)
				}
				if !slices.Equal(given, before) {
					t.Errorf("%.20q, %s: the caller's ids have changed", text, name)
				}
			}
		}
	}
}

// TestRefusedWords: tiny has 64 positions, 16 of which are a picture's, and 480 tokens.
func TestRefusedWords(t *testing.T) {
	picture := readImage(t, "rgb.png")
	long, ids := strings.TrimSpace(strings.Repeat("a ", 63)), slices.Repeat([]int32{7}, 63)
	tests := []struct {
		name string
		in   engine.Input
		want error
		says string
	}{
		{"text", engine.Input{Text: long, RefuseLong: true}, engine.ErrTooLong, "65 tokens with [CLS] and [SEP], 64 fit"},
		{"pair", engine.Input{Image: picture, Text: long, RefuseLong: true}, engine.ErrTooLong, "65 tokens with [CLS] and [SEP], 48 fit"},
		{"ids", engine.Input{IDs: ids, RefuseLong: true}, engine.ErrTooLong, "65 tokens with [CLS] and [SEP], 64 fit"},
		{"as many as fit", engine.Input{Text: long[2:], RefuseLong: true}, nil, ""},
		{"ids, as many as fit", engine.Input{IDs: ids[1:], RefuseLong: true}, nil, ""},
		{"huge", engine.Input{Text: strings.Repeat("a ", 1<<20), RefuseLong: true}, engine.ErrTooLong, "more than 65535 tokens with [CLS] and [SEP], 64 fit"},
		{"id over the vocabulary", engine.Input{IDs: []int32{7, 480}}, engine.ErrInput, "token id 480, number 1 of the input, is not one of the vocabulary's 0 to 479"},
		{"negative id", engine.Input{IDs: []int32{-1}}, engine.ErrInput, "token id -1, number 0"},
		{"ids and a text", engine.Input{IDs: []int32{7}, Text: "a"}, engine.ErrInput, "give one of them"},
		{"neither", engine.Input{}, nil, ""}, // [CLS] [SEP]
	}
	e := open(t, convertTiny(t), on("ref"))
	var in []engine.Input
	for _, test := range tests {
		in = append(in, test.in)
	}
	results, err := e.Embed(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range tests {
		if r := results[i]; !errors.Is(r.Err, test.want) || test.want != nil && !strings.Contains(r.Err.Error(), test.says) || (r.Embedding == nil) != (test.want != nil) {
			t.Errorf("%s: %v, want %q", test.name, r.Err, test.says)
		}
	}
}
