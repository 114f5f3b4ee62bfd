package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"vbge/server/load"
)

// decodeLines reads JSON values without members that are not known.
func decodeLines[T any](t *testing.T, text string) (all []T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	for d.More() {
		var v T
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		all = append(all, v)
	}
	return all
}

// TestBenchHTTP measures a server for no time at all, which is one request a client: the figures
// mean nothing, but what they count is exact.
func TestBenchHTTP(t *testing.T) {
	model := tinyModel(t)
	s := serve(t, "--model", model, "--uri", "")
	args := []string{"bench", "http", "--url", s.url, "--model", model, "--time", "0s", "--warm-up", "0s", "--threads", "1"}
	bench := func(more ...string) outcome { return vbge(t, append(args[:len(args):len(args)], more...)...) }

	o := bench("--clients", "3", "--rounds", "2", "--inputs", "2", "--kinds", "image=1,text=2,pair=1", "--in-process", "--json").want(t, 0)
	r := decodeLines[httpReport](t, o.out)[0]
	if r.InProcess == nil || r.Server.Server == nil || len(r.Rounds) != 2 || !(r.Share > 0) {
		t.Fatalf("report %s", o.out)
	}
	for name, y := range map[string]load.Result{"server": r.Server, "in process": *r.InProcess} {
		if y.Answers != 12 || y.Outcomes["200"] != 6 || len(y.Outcomes) != 1 || y.FailedInputs != 0 || !(y.PerSecond > 0) || !(y.Latency.P50 > 0) {
			t.Errorf("%s: %+v, want 12 vectors in 6 requests", name, y)
		}
	}
	if passes := r.Server.Server; passes.Passes < 1 || math.Abs(passes.Passes*passes.InputsPerPass-12) > 1e-6 {
		t.Errorf("the server's batches had %v inputs, want 12", passes.Passes*passes.InputsPerPass)
	}

	bench("--clients", "2", "--rounds", "3").want(t, 0, "per second", "over HTTP", "requests by status: 200: 6", "compute", "batches: ")
	bench("--rate", "1000", "--time", "20ms", "--kinds", "text=1").want(t, 0, "1000 requests a second", "200: 20")
	// 128 values in one vector: four bytes each in base64 and JSON around it, or bytes alone.
	for encoding, least := range map[string]float64{"float": 128, "base64": 684, "float32": 512, "float16": 256, "int8": 128} {
		for _, raw := range []bool{false, true} {
			if raw && (encoding == "float" || encoding == "base64") {
				continue
			}
			o := bench("--clients", "1", "--encoding", encoding, "--kinds", "pair=1", fmt.Sprint("--raw=", raw), "--json").want(t, 0)
			y := decodeLines[httpReport](t, o.out)[0].Server
			if binary := least == float64(int(least)/128*128) && encoding != "float"; y.Answers != 1 || y.BytesPerAnswer < least || binary && y.BytesPerAnswer != least {
				t.Errorf("%s, raw %v: %v bytes for %d vectors, want %v", encoding, raw, y.BytesPerAnswer, y.Answers, least)
			}
		}
	}
	body := filepath.Join(t.TempDir(), "body.json")
	writeFile(t, body, []byte(`{"input":["one","two"]}`))
	bench("--clients", "2", "--body", body, "--json").want(t, 0, `"answers":4`)
	writeFile(t, body, []byte(`{"input":17}`))
	bench("--clients", "1", "--body", body).want(t, 1, "400: 1", "input")
	bench("--clients", "1", "--kinds", "search-text=1").want(t, 1, "404: 1")
	s.stop(t)
	bench("--clients", "1", "--timeout", "1s").want(t, 3, "connection refused")
}

func TestBenchHTTPFigures(t *testing.T) {
	model := tinyModel(t)
	s := serve(t, "--model", model, "--uri", "")
	o := vbge(t, "bench", "http", "--url", s.url, "--model", model, "--figures", "overhead,encodings", "--time", "10ms", "--rounds", "1", "--json")
	if o.status != 0 && o.status != 1 { // goals may be missed
		o.want(t, 0)
	}
	if all := decodeLines[load.Figure](t, o.out); len(all) != 12 || all[0].Unit != "ms" || *all[0].Goal != .5 || !strings.Contains(all[2].Name, "float") {
		t.Errorf("figures %+v", all)
	}
	o = vbge(t, "bench", "http", "--url", s.url, "--figures", "encodings", "--time", "10ms")
	o.want(t, 0, "bytes a vector, int8: 128 bytes", "server's processor time")
	// A queue that never fills is no overload.
	vbge(t, "bench", "http", "--url", s.url, "--figures", "overload", "--clients", "1", "--time", "10ms").want(t, 3, "--max-queue")
	s.stop(t)
}

func TestBenchHTTPKey(t *testing.T) {
	dir := t.TempDir()
	keys, good, bad := filepath.Join(dir, "keys"), filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	writeFile(t, keys, fmt.Appendf(nil, "test:%x\n", sha256.Sum256([]byte(key))))
	writeFile(t, good, []byte(key+"\n"))
	writeFile(t, bad, []byte("wrong"))
	s := serve(t, "--model", tinyModel(t), "--uri", "", "--keys", keys)
	args := []string{"bench", "http", "--url", s.url, "--time", "0s", "--warm-up", "0s", "--clients", "1", "--kinds", "text=1", "--key-file"}
	vbge(t, append(args, good)...).want(t, 0, "200: 1")
	vbge(t, append(args, bad)...).want(t, 1, "401: 1")
	vbge(t, append(args, filepath.Join(dir, "none"))...).want(t, 2, "--key-file")
	s.stop(t)
}

func TestBenchHTTPWrongUse(t *testing.T) {
	for args, says := range map[string]string{
		"--kinds video=1":                        "video",
		"--kinds image=0":                        "--kinds",
		"--kinds image":                          "image",
		"--payload 8k":                           "12mp",
		"--encoding json":                        "base64",
		"--clients 0":                            "clients",
		"--rate -1":                              "closed loop",
		"--time -1s":                             "none is due",
		"--rounds 0":                             "--rounds",
		"--inputs 0":                             "inputs",
		"--raw":                                  "float32",
		"--priority high":                        "bulk",
		"--figures speed":                        "overload",
		"--body /none":                           "--body",
		"--url localhost":                        "--url",
		"--in-process --model random --vocab /x": "--vocab",
		"extra":                                  "unknown command",
	} {
		vbge(t, append([]string{"bench", "http"}, strings.Fields(args)...)...).want(t, 2, says)
	}
}
