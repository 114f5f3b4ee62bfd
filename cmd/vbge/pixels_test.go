package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vbge/engine/pixels"
)

func TestPixels(t *testing.T) {
	model, g := tinyModel(t), readGolden(t)
	path := filepath.Join(t.TempDir(), "out.npy")
	equal, off := 0, 0.0
	for _, image := range g.Images {
		o := vbge(t, "pixels", "--model", model, imagePath(image.File), "--npy", path).want(t, 0)
		if said := o.log != ""; said == pixels.Exact() {
			t.Errorf("exact decoders: %v, and it says %q", pixels.Exact(), o.log)
		}
		got, want := readNPY(t, path), g.arrays["pixels/"+image.File]
		if !slices.Equal(got.Shape, []int{3, 64, 64}) {
			t.Fatalf("%s: shape %v", image.File, got.Shape)
		}
		if !g.exact(image.File) {
			off = max(off, largest(got.Float32, want.Float32))
			continue
		}
		equal++
		if !slices.Equal(got.Float32, want.Float32) {
			t.Errorf("%s: %.2g off, want bit for bit", image.File, largest(got.Float32, want.Float32))
		}
	}
	t.Logf("%d of %d pictures equal bit for bit; the others, whose decoder differs, up to %.2g off", equal, len(g.Images), off)
}

func TestPixelsRefuses(t *testing.T) {
	model, picture := tinyModel(t), imagePath("rgb.png")
	path := filepath.Join(t.TempDir(), "out.npy")
	tests := []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"no array", []string{picture}, 2, "--npy"},
		{"no picture", []string{"--npy", path}, 2, "accepts 1 arg"},
		{"missing picture", []string{"none.png", "--npy", path}, 2, "none.png"},
		{"no picture at all", []string{reference + "tiny.json", "--npy", path}, 1, "tiny.json"},
		{"too large", []string{picture, "--npy", path, "--max-pixels", "10"}, 1, "--max-pixels"},
		{"negative limit", []string{picture, "--npy", path, "--max-pixels", "-1"}, 2, "--max-pixels"},
		{"folder of the array", []string{picture, "--npy", filepath.Join(path, "none", "out.npy")}, 3, "--npy"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			vbge(t, append([]string{"pixels", "--model", model}, test.args...)...).want(t, test.status, test.says)
			if _, err := os.Stat(path); err == nil {
				t.Error("an array is there")
			}
		})
	}
}
