package weights

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadConfig(t *testing.T) {
	if c := readConfigFile(t, reference+"base.json"); c != Base() {
		t.Errorf("base.json is %+v, Base %+v", c, Base())
	}
	if _, err := ReadConfig("nowhere.json"); err == nil || !strings.Contains(err.Error(), "nowhere.json") {
		t.Errorf("a file that is not there: %v", err)
	}
	base, err := os.ReadFile(reference + "base.json")
	if err != nil {
		t.Fatal(err)
	}
	f := func(why, old, new string) {
		t.Helper()
		if !strings.Contains(string(base), old) {
			t.Fatalf("no %q in base.json", old)
		}
		path := filepath.Join(t.TempDir(), "c.json")
		if err := os.WriteFile(path, []byte(strings.Replace(string(base), old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadConfig(path); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want one that names the file and %q", err, why)
		}
	}
	f("unknown field", `"heads"`, `"head"`)
	f("text.heads is 0", `"heads": 12,`, "")
	f("mean has 0 values", `"mean": [0.48145466, 0.4578275, 0.40821073],`, "")
	f("std has 2 values", "[0.26862954, 0.26130258, 0.27577711]", "[0.26862954, 0.26130258]")
	f("std is not positive", "0.26862954", "0")
	f("EOF", "}\n}", "}")
	f("more than one", "}\n}", "}\n}{}")
	f("image_size is -1", "224", "-1")
	f("vision.width is 99999999", `"width": 768`, `"width": 99999999`)
	f("more than 1024 layers", `"layers": 12`, `"layers": 1025`)
	f("larger than image_size", `"patch_size": 16`, `"patch_size": 225`)
	f("image_size is no multiple of patch_size", "224", "230")
	f("no multiple of vision.head_width", `"head_width": 64`, `"head_width": 80`)
	f("no multiple of 4", `"head_width": 64`, `"head_width": 6`)
	f("no multiple of text.heads", `"heads": 12`, `"heads": 11`)
	f("no room", `"max_positions": 512`, `"max_positions": 197`)
	f("mlp_ratio", "2.6667", "-1")
	f("vision.ln_eps", "1e-6", "0")
	f("text.ln_eps", "1e-12", "1")
	f("rope.theta", "10000.0", "0")
}

func FuzzConfig(f *testing.F) {
	for _, name := range []string{"base.json", "tiny.json", "micro.json"} {
		text, err := os.ReadFile(reference + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := decodeConfig(text)
		if err != nil {
			return
		}
		source := Source{File: "a.pth", SHA256: "00", Bytes: 1}
		again, err := encodeConfig(c, source)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", c, err)
		}
		back, s, err := decodeConfig(again)
		if err != nil || back != c || *s != source {
			t.Fatalf("%+v is read back as %+v (%v)", c, back, err)
		}
		if c.TakesPictures() && (c.Grid() < 1 || c.SwiGLUWidth() < 1) || c.MaxTextTokens(c.TakesPictures()) < 2 {
			t.Fatalf("%+v passed as valid", c)
		}
	})
}
