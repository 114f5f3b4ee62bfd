package main

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/server/catalog"
)

func TestVersion(t *testing.T) {
	if o := vbge(t, "version").want(t, 0); !strings.HasPrefix(o.out, "vbge ") || strings.Count(o.out, "\n") != 1 || o.log != "" {
		t.Errorf("%q", o.out+o.log)
	}
}

func TestDoctor(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", key)
	o := vbge(t, "doctor", "--model", tinyModel(t)).want(t, 0, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH,
		"--device auto is "+engine.AutomaticDevice(), "JPEG by ", "64 pixels, 2 + 2 layers of width 128", "OPENAI_API_KEY is set")
	if strings.Contains(o.out, key) {
		t.Error("the key is shown")
	}
	if notes := strings.Count(o.out, "\nnote "); notes != len(engine.Caveats("auto")) {
		t.Errorf("%d notes, want %d:\n%s", notes, len(engine.Caveats("auto")), o.out)
	}
	if cpu.Built {
		o.want(t, 0, "oneDNN", "float32 by default")
		if !strings.HasPrefix(engine.AutomaticDevice(), "cuda") {
			o.want(t, 0, "precision  auto is ")
		}
	} else {
		o.want(t, 0, "make build")
	}
	if binary, err := catalog.FindBinary(); err == nil {
		o.want(t, 0, binary)
	} else {
		o.want(t, 0, "make setup")
	}
}

// TestDoctorOfTheBroken: it works, and says so, where much is missing.
func TestDoctorOfTheBroken(t *testing.T) {
	t.Setenv(catalog.BinaryVariable, filepath.Join(t.TempDir(), "none"))
	vbge(t, "doctor", "--model", filepath.Join(t.TempDir(), "none")).want(t, 0,
		"no local .db", catalog.BinaryVariable, "none: ", "vbge convert", "no OPENAI_API_KEY")
}
