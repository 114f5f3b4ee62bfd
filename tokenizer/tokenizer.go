// Package tokenizer turns text into token ids exactly as the pure-Python uncased BERT tokenizer does
// (engine/testdata/reference/MODEL.md section 5, class WordPiece of reference.py).
//
// The text is split at the literal special tokens, lower-cased, cleaned, decomposed and split into words
// (scan.go), and each word is cut into the longest pieces that the vocabulary has (trie.go).
package tokenizer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"unicode/utf8"
)

// specials are the tokens that stand for themselves wherever they occur in a text, in exactly this case.
var specials = [...]string{"[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"}

// Tokenizer holds a vocabulary. It never changes, so any number of goroutines may use it at once.
type Tokenizer struct {
	tokens        []string // by id
	trie          trie
	continuation  int32 // the trie's node of "##", where a word's further pieces start
	unk, sep, cls int32
	special       [len(specials)]int32 // ids of specials
}

// Load reads a vocabulary file; see New.
func Load(path string) (*Tokenizer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load vocabulary: %w", err)
	}
	defer f.Close()
	t, err := New(f)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return t, nil
}

// New reads a vocabulary in BERT's vocab.txt form: UTF-8, one token a line, each token's id its line number from 0.
// Of equal lines the last one counts. The special tokens [UNK] [SEP] [PAD] [CLS] [MASK] must be among them, anywhere.
func New(vocab io.Reader) (*Tokenizer, error) {
	t := &Tokenizer{}
	ids := map[string]int32{}
	lines := bufio.NewScanner(vocab)
	for lines.Scan() {
		token := lines.Text()
		if !utf8.ValidString(token) {
			return nil, fmt.Errorf("vocabulary line %d is not UTF-8: is this a vocab.txt?", len(t.tokens)+1)
		}
		ids[token] = int32(len(t.tokens))
		t.tokens = append(t.tokens, token)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("vocabulary line %d is over %d bytes: is this a vocab.txt?", len(t.tokens)+1, bufio.MaxScanTokenSize)
	} else if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	for i, name := range specials {
		id, ok := ids[name]
		if !ok {
			return nil, fmt.Errorf("vocabulary of %d tokens lacks %s: a BERT vocab.txt is needed", len(t.tokens), name)
		}
		t.special[i] = id
	}
	t.unk, t.sep, t.cls = ids["[UNK]"], ids["[SEP]"], ids["[CLS]"]
	t.trie = newTrie(ids)
	t.continuation = t.trie.walk(root, "##")
	return t, nil
}

// Size is the number of tokens; ids are 0 to Size()-1.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// Token returns the token of an id, "" for an id out of range.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id]
}

// Encode appends [CLS], the text's ids and [SEP] to dst and returns it. With a limit other than 0 it keeps the first
// limit-2 of the text's ids, so that it appends at most limit (a limit under 2 counts as 2), and stops reading there.
//
// Bytes of text that are not UTF-8 count as U+FFFD, which is dropped. Where dst has room for the result nothing is
// allocated; time is linear in the length of the text, and working memory is constant.
func (t *Tokenizer) Encode(dst []int32, text string, limit int) []int32 {
	dst = append(dst, t.cls)
	room := math.MaxInt
	if limit != 0 {
		room = len(dst) + min(max(limit, 2)-2, math.MaxInt-len(dst))
	}
	s := scanner{t: t, ids: dst, room: room}
	s.scan(text)
	return append(s.ids, t.sep)
}
