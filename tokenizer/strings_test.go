package tokenizer

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	stringsSeed  = 1
	stringsGroup = 100 // strings that share a line of hashes
)

// TestStrings compares the ids of 100,000 random strings with the reference's, by a hash of each hundred strings' ids:
// under bert-base-uncased's vocabulary, and under one in which ids show words, where the other has [UNK] for most.
func TestStrings(t *testing.T) {
	t.Run("bert", func(t *testing.T) {
		tok := bert(t)
		compareStrings(t, tok, tok.tokens, "testdata/strings.bert.sha256")
	})
	t.Run("letters", func(t *testing.T) {
		compareStrings(t, newTokenizer(t, letterLines()), tiny(t).tokens, "testdata/strings.letters.sha256")
	})
}

// letterLines is a vocabulary of every letter, digit and sign below U+20000 (but Han and Hangul), alone and continuing.
func letterLines() string {
	var lines strings.Builder
	lines.WriteString(strings.Join(specialNames, "\n") + "\n")
	for _, span := range (pool{{0x21, 0x4DFF}, {0xA000, 0xABFF}, {0xF900, 0x1FFFF}}) {
		for r := span[0]; r <= span[1]; r++ {
			fmt.Fprintf(&lines, "%c\n##%c\n", r, r)
		}
	}
	return lines.String()
}

// compareStrings counts the groups of strings whose ids have another hash than their line of a file that make_strings.py
// wrote. With the race detector or -short it stops after a tenth.
func compareStrings(t *testing.T, tok *Tokenizer, words []string, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 1000 {
		t.Fatalf("%s has %d lines, want 1000", path, len(lines))
	}
	if testing.Short() || raceDetector {
		lines = lines[:100]
	}
	maker := newStringMaker(t, words)
	differ, tokens := 0, 0
	var row []int32
	for group, line := range lines {
		ids, texts := sha256.New(), sha256.New()
		for number := group * stringsGroup; number < (group+1)*stringsGroup; number++ {
			text := maker.bytes(stringsSeed, uint64(number))
			texts.Write(text)
			row = tok.Encode(append(row[:0], 0), string(text), 0)
			row[0] = int32(len(row) - 1)
			tokens += len(row) - 1
			binary.Write(ids, binary.LittleEndian, row)
		}
		wantIDs, wantTexts, _ := strings.Cut(line, " ")
		if got := fmt.Sprintf("%x", texts.Sum(nil))[:8]; got != wantTexts {
			t.Fatalf("strings %d to %d are not those of make_strings.py: hash %s, want %s",
				group*stringsGroup, (group+1)*stringsGroup-1, got, wantTexts)
		}
		if got := fmt.Sprintf("%x", ids.Sum(nil)); got != wantIDs {
			if differ++; differ <= 3 {
				t.Errorf("ids of strings %d to %d have hash %s, want %s; make_strings.py --check --start %[1]d finds which",
					group*stringsGroup, (group+1)*stringsGroup-1, got, wantIDs)
			}
		}
	}
	t.Logf("%d of %d hundreds of strings differ (%d tokens)", differ, len(lines), tokens)
}
