package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	const views = reference + "golden/checkpoints/micro_views.pth"
	vbge(t, "inspect", views, "--config", reference+"micro.json", "--pooling", "mean").want(t, 0, "zip of torch.save, 59 tensors",
		"pooling   mean", "assumed   text.heads = 4 (given configuration)", "0 from 7 strides [1 32] (59 tensors)", "convert would keep 50 tensors")
	o := vbge(t, "inspect", "--json", views).want(t, 0)
	var i struct{ Tensors []struct{ Name, Fate string } }
	if err := json.Unmarshal([]byte(o.out), &i); err != nil || len(i.Tensors) != 59 || i.Tensors[0].Fate != "kept" || strings.Count(o.out, "\n") != 1 {
		t.Errorf("%v in %.200s", err, o.out)
	}
	cut := filepath.Join(t.TempDir(), "cut.pth")
	writeFile(t, cut, readFile(t, views)[:100_000])
	vbge(t, "inspect", cut).want(t, 3, "cut.pth")
	vbge(t, "inspect", views, "--config", filepath.Join(t.TempDir(), "none.json")).want(t, 2, "none.json")
	vbge(t, "inspect", views, "--pooling", "max").want(t, 2, "--pooling")
}
