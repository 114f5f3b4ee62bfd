package weights

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"vbge/weights/tensor"
)

// Inspection says what a checkpoint holds and what Convert would do with it.
type Inspection struct {
	File          string          `json:"file"` // its name, without its directory
	Bytes         int64           `json:"bytes"`
	Format        string          `json:"format"`
	Names         string          `json:"names,omitempty"` // what Convert does to the names, "" if nothing
	Tensors       []Inspected     `json:"tensors"`
	Others        []string        `json:"others,omitempty"`        // names beside the tensors whose values are none
	Missing       []string        `json:"missing,omitempty"`       // tensors of the released file that inference does not use and this one lacks
	Configuration json.RawMessage `json:"configuration,omitempty"` // as in config.json, if it can be inferred
	Assumed       []string        `json:"assumed,omitempty"`       // its fields that the tensors cannot tell
	Refused       string          `json:"refused,omitempty"`       // why Convert would write nothing, as far as the structure tells
	summary       string
}

// Inspected is one tensor of a checkpoint.
type Inspected struct {
	Name    string       `json:"name"`             // in the file
	As      string       `json:"as,omitempty"`     // in a Visualized-BGE, if that is another
	DType   tensor.DType `json:"dtype"`            // F32, ...
	Shape   []int        `json:"shape"`            //
	Storage string       `json:"storage"`          // its name, or the byte that it begins at
	Sharing int          `json:"sharing"`          // how many tensors the storage is behind
	Offset  int          `json:"offset,omitempty"` // elements from the storage's begin
	Stride  []int        `json:"stride,omitempty"` // in elements, unless the tensor stands in row-major order
	Fate    Fate         `json:"fate,omitempty"`
}

// Inspect reads the structure of the checkpoint at path, not its weights: sums, and whether the
// blocks' rotary buffers are equal, are left for Convert to see. It fails where the file cannot be
// read; what Convert would refuse is no failure. Of o, Config and Pooling matter.
func Inspect(path string, o ConvertOptions) (*Inspection, error) {
	file, err := openCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", path, err)
	}
	defer file.Close()
	p, refusal := newPlan(file.Tensors(), o)
	i := &Inspection{File: filepath.Base(path), Bytes: file.size, Format: file.format, Names: p.note,
		Tensors: inspected(file.Tensors(), p), Others: file.Others(), Missing: p.missing}
	if refusal == nil {
		refusal = p.fits(file.size)
	}
	if refusal != nil {
		i.Refused = refusal.Error()
	}
	if p.config == (Config{}) {
		return i, nil
	}
	if i.Configuration, err = encodeConfig(p.config, nil); err != nil {
		return nil, fmt.Errorf("inspect %s: encode configuration: %w", path, err)
	}
	for _, a := range p.assumed {
		i.Assumed = append(i.Assumed, a.Field)
	}
	i.summary = p.config.describe(p.assumed)
	return i, nil
}

func inspected(tensors []*tensor.View, p *plan) []Inspected {
	sharing := map[string]int{}
	for _, t := range tensors {
		sharing[t.Storage]++
	}
	names := make(map[string]string, len(tensors))
	for now, before := range p.before {
		names[before] = now
	}
	all := make([]Inspected, len(tensors))
	for i, t := range tensors {
		all[i] = Inspected{Name: t.Name, DType: t.DType, Shape: append([]int{}, t.Shape...), Storage: t.Storage,
			Sharing: sharing[t.Storage], Offset: t.Offset, Fate: p.fates[names[t.Name]]}
		if as := names[t.Name]; as != t.Name {
			all[i].As = as
		}
		if !t.Contiguous() {
			all[i].Stride = t.Stride
		}
	}
	return all
}

// String returns the inspection as lines of text for people.
func (i *Inspection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "file      %s, %d bytes, %s, %d tensors\n", printable(i.File), i.Bytes, i.Format, len(i.Tensors))
	if i.Names != "" {
		fmt.Fprintf(&b, "names     %s\n", i.Names)
	}
	b.WriteString(i.summary)
	if len(i.Others) > 0 {
		fmt.Fprintf(&b, "others    %s; no tensors\n", listed(i.Others))
	}
	if len(i.Missing) > 0 {
		fmt.Fprintf(&b, "missing   %s; inference does not use them\n", listed(i.Missing))
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FATE\tTENSOR\tTYPE\tSHAPE\tSTORAGE")
	count := map[Fate]int{}
	for _, t := range i.Tensors {
		count[t.Fate]++
		fmt.Fprintf(table, "%s\t%s\t%s\t%v\t%s\n", t.Fate, printable(t.Name), t.DType, t.Shape, t.place())
	}
	table.Flush()
	if i.Refused != "" {
		fmt.Fprintf(&b, "\nconvert would refuse it: %s\n", i.Refused)
		return b.String()
	}
	fmt.Fprintf(&b, "\nconvert would keep %d tensors; shared %d, unused %d, surplus %d\n", count[Kept], count[Shared], count[Unused], count[Surplus])
	return b.String()
}

// place says where a tensor's elements stand.
func (t *Inspected) place() string {
	s := printable(t.Storage)
	if t.Offset > 0 {
		s += fmt.Sprintf(" from %d", t.Offset)
	}
	if t.Stride != nil {
		s += fmt.Sprintf(" strides %v", t.Stride)
	}
	if t.Sharing > 1 {
		s += fmt.Sprintf(" (%d tensors)", t.Sharing)
	}
	return s
}
