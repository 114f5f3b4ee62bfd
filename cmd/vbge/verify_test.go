package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	model, good := tinyModel(t), readGolden(t).vectors()
	changed := func(by float32) []vector {
		v := slices.Clone(good)
		v[7].Embedding = slices.Clone(v[7].Embedding)
		v[7].Embedding[5] += by
		return v
	}
	short := slices.Clone(good)
	short[2].Embedding = short[2].Embedding[:64]
	lost := slices.Clone(good)
	lost[0].Image = "none.png"
	without := slices.Clone(good)
	without[3].Embedding = nil
	zero := slices.Clone(good)
	zero[4].Embedding = make([]float32, 128)
	tests := []struct {
		name    string
		vectors []vector
		flags   []string
		status  int
		says    []string
	}{
		{"golden", good, nil, 0, []string{"within bounds", "smallest cosine 1.000000000"}},
		{"golden, on ref", good[len(good)-2:], []string{"--device", "ref"}, 0, nil},
		{"changed a little", changed(1e-6), nil, 0, nil},
		{"changed", changed(1e-4), nil, 1, []string{"line 8: largest difference 0.0001", "1 of "}},
		{"changed, wider bound", changed(1e-4), []string{"--max-difference", "2e-4"}, 0, nil},
		{"changed much", changed(0.1), []string{"--max-difference", "0.2"}, 1, []string{"line 8"}},
		{"changed much, wider bounds", changed(0.1), []string{"--max-difference", "0.2", "--min-cosine", "0.98"}, 0, nil},
		{"impossible bound", good, []string{"--min-cosine", "1.1"}, 1, nil},
		{"too short", short, nil, 1, []string{"line 3", "64 values"}},
		{"no embedding", without, nil, 1, []string{"line 4", "0 values"}},
		{"zero", zero, nil, 1, []string{"line 5"}},
		{"no picture", lost, nil, 1, []string{"line 1", "none.png"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "vectors.jsonl")
			writeFile(t, path, []byte(jsonLines(t, test.vectors...)))
			o := vbge(t, append([]string{"verify", "--model", model, path}, test.flags...)...).want(t, test.status, test.says...)
			t.Log(o.lines()[len(o.lines())-1])
		})
	}
	t.Run("nothing could be compared", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "vectors.jsonl")
		writeFile(t, path, []byte(jsonLines(t, lost[:1]...)))
		o := vbge(t, "verify", "--model", model, path).want(t, 1, "line 1", "none of 1 lines could be compared")
		if strings.Contains(o.out, "smallest cosine") {
			t.Errorf("it tells a cosine of nothing: %s", o.out)
		}
	})
	t.Run("nothing to compare", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "vectors.jsonl")
		writeFile(t, path, []byte("\n"))
		vbge(t, "verify", "--model", model, path).want(t, 2, "no line")
		vbge(t, "verify", "--model", model, path+".none").want(t, 2, "none")
	})
}
