package weights

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Assumption is one value of a configuration that the tensors cannot tell.
type Assumption struct {
	Field string // its name in config.json, like "text.heads"
	Value string
	From  string // where the value was taken from
}

// infer returns the configuration that tensors of these shapes, by name, belong to. What they
// cannot tell comes from given, a configuration file's, or where that is nil from Base; both are
// listed. It fails where the tensors and given disagree, naming the field and both values.
func infer(shapes map[string][]int, given *Config) (Config, []Assumption, error) {
	c := Base()
	if given != nil {
		if err := given.Validate(); err != nil {
			return Config{}, nil, fmt.Errorf("given configuration: %w", err)
		}
		c = *given
	}
	sizes, err := measure(&c, shapes)
	if err != nil {
		return Config{}, nil, err
	}
	if given != nil {
		if err := sizes.compare(&c); err != nil {
			return Config{}, nil, err
		}
	}
	assumed := sizes.apply(&c, given != nil)
	if err := c.Validate(); err != nil {
		return Config{}, nil, fmt.Errorf("configuration inferred from the tensors: %w", err)
	}
	return c, assumed, nil
}

// size is one value of a configuration as a tensor tells it.
type size struct {
	name   string // in config.json
	field  *int
	from   string // what tells it
	value  int
	absent bool // there is no such tensor, and there need not be
}

// sizes are all the values that tensors tell. The grid and the inner width are not fields
// themselves: image_size and mlp_ratio follow from them.
type sizes struct {
	fields      []size
	grid, inner size
}

// measure reads the sizes off the shapes; the fields point into c, which it leaves unchanged.
func measure(c *Config, shapes map[string][]int) (*sizes, error) {
	const embeddings = "bge_embeddings."
	var problems []error
	axis := func(name string, field *int, tensor string, rank, axis int) size {
		s := size{name: name, field: field, from: "tensor " + tensor}
		shape, ok := shapes[tensor]
		switch {
		case !ok:
			s.absent = true
			problems = append(problems, fmt.Errorf("%s is unknown: %w: %s", name, ErrIncomplete, tensor))
		case len(shape) != rank || shape[axis] < 1 || shape[axis] > maxSize:
			problems = append(problems, fmt.Errorf("%s is unknown: tensor %s has shape %v", name, tensor, shape))
		default:
			s.value = shape[axis]
		}
		return s
	}
	layers := func(name string, field *int, prefix string) size {
		return size{name: name, field: field, from: "the tensors " + prefix + "*", value: countLayers(shapes, prefix)}
	}
	all := &sizes{fields: []size{
		axis("patch_size", &c.PatchSize, visual+"patch_embed.proj.weight", 4, 3),
		axis("vision.width", &c.Vision.Width, visual+"cls_token", 3, 2),
		axis("vision.head_width", &c.Vision.HeadWidth, RopeCos, 2, 1),
		axis("text.vocab_size", &c.Text.VocabSize, embeddings+"word_embeddings.weight", 2, 0),
		axis("text.hidden", &c.Text.Hidden, embeddings+"word_embeddings.weight", 2, 1),
		axis("text.max_positions", &c.Text.MaxPositions, embeddings+"position_embeddings.weight", 2, 0),
		axis("text.type_vocab", &c.Text.TypeVocab, embeddings+"token_type_embeddings.weight", 2, 0),
		axis("text.intermediate", &c.Text.Intermediate, "bge_encoder.layer.0.intermediate.dense.weight", 2, 0),
		layers("vision.layers", &c.Vision.Layers, visual+"blocks."),
		layers("text.layers", &c.Text.Layers, "bge_encoder.layer."),
	}}
	all.inner = axis("inner width of the SwiGLU", nil, visual+"blocks.0.mlp.w1.weight", 2, 0)
	all.grid = axis("grid", nil, visual+"pos_embed", 3, 1)
	if n := all.grid.value - 1; n >= 0 {
		all.grid.value = int(math.Sqrt(float64(n)))
		if n == 0 || all.grid.value*all.grid.value != n {
			problems = append(problems, fmt.Errorf("grid is unknown: %s has %d rows, not a square number and one", all.grid.from, n+1))
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("the tensors are not those of a Visualized-BGE: %w", errors.Join(problems...))
	}
	// The head is the one tensor here that inference does not need.
	head := axis("vision.head_out", &c.Vision.HeadOut, visual+"head.weight", 2, 0)
	if len(problems) > 0 && !head.absent {
		return nil, problems[0]
	}
	all.fields = append(all.fields, head)
	return all, nil
}

// compare holds the configuration that the fields point into against the tensors.
func (s *sizes) compare(c *Config) error {
	all := append(s.fields[:len(s.fields):len(s.fields)], s.grid, s.inner)
	grid, inner := c.Grid(), c.SwiGLUWidth()
	all[len(all)-2].field, all[len(all)-1].field = &grid, &inner
	for _, m := range all {
		if !m.absent && *m.field != m.value {
			return fmt.Errorf("given configuration has %s %d, but %s says %d", m.name, *m.field, m.from, m.value)
		}
	}
	return nil
}

// apply writes the measured sizes into c and lists what remains assumed.
func (s *sizes) apply(c *Config, given bool) []Assumption {
	from := "base model's default"
	if given {
		from = "given configuration"
	}
	var assumed []Assumption
	assume := func(field string, value any, from string) {
		assumed = append(assumed, Assumption{field, fmt.Sprint(value), from})
	}
	for _, m := range s.fields {
		if m.absent {
			assume(m.name, *m.field, from)
			continue
		}
		*m.field = m.value
	}
	headsFrom, ratioFrom := from, from
	if !given {
		c.ImageSize = s.grid.value * c.PatchSize
		c.Text.Heads, headsFrom = max(1, c.Text.Hidden/64), "text.hidden / 64"
		if c.SwiGLUWidth() != s.inner.value {
			c.Vision.MLPRatio, ratioFrom = ratioFor(s.inner.value, c.Vision.Width), "SwiGLU width / vision.width"
		}
	}
	assume("image_size", c.ImageSize, map[bool]string{true: from, false: "grid x patch_size"}[given])
	assume("text.heads", c.Text.Heads, headsFrom)
	assume("vision.mlp_ratio", c.Vision.MLPRatio, ratioFrom)
	assume("mean", c.Mean, from)
	assume("std", c.Std, from)
	assume("vision.ln_eps", c.Vision.LNEps, from)
	assume("text.ln_eps", c.Text.LNEps, from)
	assume("rope.theta", c.Rope.Theta, from)
	assume("rope.pt_hw_seq_len", c.Rope.PtHWSeqLen, from)
	return assumed
}

// ratioFor returns a ratio with trunc(width x ratio) = inner.
func ratioFor(inner, width int) float64 {
	ratio := float64(inner) / float64(width)
	if int(ratio*float64(width)) < inner { // the quotient was rounded down
		ratio = math.Nextafter(ratio, math.Inf(1))
	}
	return ratio
}

// countLayers returns how many different numbers follow the prefix, so that a gap in the
// numbering shows as missing tensors and not as a shallower model.
func countLayers(shapes map[string][]int, prefix string) int {
	numbers := map[int]bool{}
	for name := range shapes {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		digits, _, _ := strings.Cut(rest, ".")
		if i, err := strconv.Atoi(digits); err == nil {
			numbers[i] = true
		}
	}
	return len(numbers)
}
