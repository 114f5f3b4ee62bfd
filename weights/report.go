package weights

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"vbge/weights/tensor"
)

// Report says what Convert found and did.
type Report struct {
	Config    Config
	Assumed   []Assumption         // what the tensors could not tell
	Missing   []string             // tensors of the released file that inference does not use and this one lacks
	Surplus   []string             // what is in the file and in no Visualized-BGE; left out
	Names     string               // what was done to the tensors' names, "" if nothing
	Source    Source               // the checkpoint
	Tensors   int                  // in the checkpoint
	Stored    int                  // in the model folder
	Precision map[tensor.DType]int // how many stored tensors have which element type
	Bytes     int64                // size of model.safetensors
	Out       string               // the model folder
}

// String returns the report as lines of text for people.
func (r *Report) String() string {
	var b strings.Builder
	c := r.Config
	fmt.Fprintf(&b, "source    %s, %d bytes, SHA-256 %s\n", printable(r.Source.File), r.Source.Bytes, r.Source.SHA256)
	if r.Names != "" {
		fmt.Fprintf(&b, "names     %s\n", r.Names)
	}
	b.WriteString(c.describe(r.Assumed))
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "missing   %s; inference does not use them\n", listed(r.Missing))
	}
	if len(r.Surplus) > 0 {
		fmt.Fprintf(&b, "surplus   %s; left out\n", listed(r.Surplus))
	}
	var types []string
	for _, d := range slices.Sorted(maps.Keys(r.Precision)) {
		types = append(types, fmt.Sprintf("%d %s", r.Precision[d], d))
	}
	fmt.Fprintf(&b, "written   %s: %d of %d tensors (%s), %d bytes\n", printable(r.Out), r.Stored, r.Tensors, strings.Join(types, ", "), r.Bytes)
	return b.String()
}

// describe returns the configuration as lines of text for people.
func (c Config) describe(assumed []Assumption) string {
	var b strings.Builder
	if c.TakesPictures() {
		fmt.Fprintf(&b, "vision    %d px in patches of %d (%d tokens), width %d, %d layers, heads of %d, SwiGLU width %d\n",
			c.ImageSize, c.PatchSize, c.Patches(), c.Vision.Width, c.Vision.Layers, c.Vision.HeadWidth, c.SwiGLUWidth())
	} else {
		b.WriteString("vision    none: a model for texts alone\n")
	}
	fmt.Fprintf(&b, "text      width %d, %d layers, %d heads, intermediate %d, %d tokens, %d positions\n",
		c.Text.Hidden, c.Text.Layers, c.Text.Heads, c.Text.Intermediate, c.Text.VocabSize, c.Text.MaxPositions)
	fmt.Fprintf(&b, "pooling   %s\n", c.Pooling)
	for _, a := range assumed {
		fmt.Fprintf(&b, "assumed   %s = %s (%s)\n", a.Field, a.Value, a.From)
	}
	return b.String()
}

// listed joins names, the first twenty of them.
func listed(names []string) string {
	const most = 20
	shown := make([]string, 0, most)
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, printable(name))
	}
	list := strings.Join(shown, ", ")
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", list, len(names)-most)
	}
	return list
}

// printable quotes a name with what a terminal would obey.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
