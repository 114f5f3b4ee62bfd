package safetensors

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

func TestFile(t *testing.T) {
	sources := []tensor.Source{
		source("b", tensor.F32, strings.Repeat("e", 128), 4, 8),
		source("a", tensor.F16, "hHhHhH", 3),
		source("scalar", tensor.F32, "ssss"),
		source("none", tensor.F32, "", 0, 4),
	}
	var b bytes.Buffer
	if err := Write(&b, nil, sources); err != nil {
		t.Fatal(err)
	}
	f, err := NewFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range f.Tensors() {
		names = append(names, v.Name)
		var got, want bytes.Buffer
		for _, s := range sources {
			if s.Name == v.Name {
				if err := s.Data(&want); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := f.CopyTo(t.Context(), &got, v); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) || !v.Contiguous() {
			t.Errorf("%s: %q (%v), want %q", v.Name, got.Bytes(), err, want.Bytes())
		}
	}
	if got := strings.Join(names, " "); got != "b none scalar a" {
		t.Errorf("order %s", got)
	}
}

// TestMemory holds what reading a header allocates against the file's size, for headers that are much larger
// than what they say.
func TestMemory(t *testing.T) {
	empty := `"%":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`
	for name, header := range map[string]string{
		"spaces":   "{" + strings.Repeat(" ", 4<<20) + "}",
		"metadata": `{"__metadata__":{"a":"` + strings.Repeat("x", 4<<20) + `"}}`,
		"brackets": `{"a":{"shape":` + strings.Repeat("[", 4<<20),
		"tensors":  "{" + strings.Repeat(empty+",", 40000)[:40000*(len(empty)+1)-1] + "}", // all of one name
		"lists":    `{"a":{"shape":[` + strings.Repeat("0,", 2<<20),
	} {
		content := file(header, "")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse(content)
		runtime.ReadMemStats(&after)
		got, most := after.TotalAlloc-before.TotalAlloc, 8*uint64(len(content))
		t.Logf("%s: %d bytes for a file of %d (%.100v)", name, got, len(content), err)
		if got > most {
			t.Errorf("%s: %d bytes for a file of %d, more than %d", name, got, len(content), most)
		}
	}
}
