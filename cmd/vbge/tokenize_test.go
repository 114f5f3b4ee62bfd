package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

func TestTokenize(t *testing.T) {
	model, g := tinyModel(t), readGolden(t)
	texts := make([]string, len(g.Texts))
	for i, x := range g.Texts {
		texts[i] = x.Text
	}
	for _, limit := range []int{0, 64} { // the golden ids are cut at tiny's 64 positions
		o := vbgeOn(t, jsonLines(t, texts...), "tokenize", "--model", model, "--max-length", fmt.Sprint(limit)).want(t, 0)
		lines := o.lines()
		if len(lines) != len(texts) {
			t.Fatalf("%d lines for %d", len(lines), len(texts))
		}
		for i, line := range lines {
			var ids []int32
			if err := json.Unmarshal([]byte(line), &ids); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			want := g.Texts[i]
			if limit == 0 {
				if len(ids) != want.Tokens {
					t.Errorf("%.40q: %d ids, want %d", want.Text, len(ids), want.Tokens)
				}
				if want.Tokens > 64 {
					continue
				}
			}
			if !slices.Equal(ids, want.IDs) {
				t.Errorf("%.40q, --max-length %d: %v, want %v", want.Text, limit, ids, want.IDs)
			}
		}
	}
}

func TestTokenizeErrors(t *testing.T) {
	model := tinyModel(t)
	in := `"a"` + "\n\n" + `a` + "\n" + `null` + "\n" + `7` + "\n" + `["a"]` + "\n" + `"a" "b"` + "\n" + `""` + "\n"
	o := vbgeOn(t, in, "tokenize", "--model", model).want(t, 1, "line 2", "line 3", "line 4", "line 5", "line 6", "5 of 7")
	if want := []string{"[2,57,3]", "null", "null", "null", "null", "null", "[2,3]"}; !slices.Equal(o.lines(), want) {
		t.Errorf("%q, want %q", o.lines(), want)
	}
	for _, limit := range []string{"1", "-1", "many"} {
		vbgeOn(t, `"a"`, "tokenize", "--model", model, "--max-length", limit).want(t, 2, "max-length", limit)
	}
	vbgeOn(t, `"a"`, "tokenize", "--model", filepath.Join(model, "none")).want(t, 3, "none")
	if o := vbgeOn(t, `"a a a"`, "tokenize", "--model", model, "--max-length", "2").want(t, 0); o.out != "[2,3]\n" {
		t.Errorf("--max-length 2: %s", o.out)
	}
}
