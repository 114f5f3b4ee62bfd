package weights

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
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
// listed. It fails where the tensors and given disagree, naming the field and both values. Without
// tensors of a vision tower the model is one for texts alone.
func infer(shapes map[string][]int, given *Config) (Config, []Assumption, error) {
	if err := absolute(shapes); err != nil {
		return Config{}, nil, err
	}
	c := Base()
	pictures := hasVision(shapes)
	if !pictures {
		c = Config{Text: c.Text}
	}
	if given != nil {
		if err := given.Validate(); err != nil {
			return Config{}, nil, fmt.Errorf("given configuration: %w", err)
		}
		if given.TakesPictures() != pictures {
			return Config{}, nil, fmt.Errorf("given configuration has vision.width %d, but the checkpoint %s vision tower (%s*)",
				given.Vision.Width, map[bool]string{true: "has a", false: "has no"}[pictures], visual)
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
		return Config{}, nil, fmt.Errorf("configuration inferred from the tensors (--config says what they cannot tell): %w", err)
	}
	return c, assumed, nil
}

// absolute refuses a BERT whose tokens know their distances: without these tensors it would be another model.
func absolute(shapes map[string][]int) error {
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		if strings.HasSuffix(name, ".attention.self.distance_embedding.weight") {
			return fmt.Errorf("tensor %q is of relative position embeddings; models with absolute ones alone are read", name)
		}
	}
	return nil
}

// hasVision reports whether any tensor is of a vision tower, or of its way into the text tower.
func hasVision(shapes map[string][]int) bool {
	for name := range shapes {
		if strings.HasPrefix(name, "model_visual.") || strings.HasPrefix(name, "visual_proj.") {
			return true
		}
	}
	return false
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
// themselves: image_size and mlp_ratio follow from them. Both are nil in a model for texts alone.
type sizes struct {
	fields      []size
	grid, inner *size
}

// measure reads the sizes off the shapes; the fields point into c, which it leaves unchanged.
func measure(c *Config, shapes map[string][]int) (*sizes, error) {
	const embeddings = "bge_embeddings."
	m := measurement{shapes: shapes}
	all := &sizes{}
	if c.TakesPictures() {
		m.vision(all, c)
	}
	all.fields = append(all.fields,
		m.axis("text.vocab_size", &c.Text.VocabSize, embeddings+"word_embeddings.weight", 2, 0),
		m.axis("text.hidden", &c.Text.Hidden, embeddings+"word_embeddings.weight", 2, 1),
		m.axis("text.max_positions", &c.Text.MaxPositions, embeddings+"position_embeddings.weight", 2, 0),
		m.axis("text.type_vocab", &c.Text.TypeVocab, embeddings+"token_type_embeddings.weight", 2, 0),
		m.axis("text.intermediate", &c.Text.Intermediate, "bge_encoder.layer.0.intermediate.dense.weight", 2, 0),
		m.layers("text.layers", &c.Text.Layers, "bge_encoder.layer."))
	if len(m.problems) == 0 {
		return all, nil
	}
	if !c.TakesPictures() {
		return nil, fmt.Errorf("the tensors are neither those of a Visualized-BGE (there are none of its vision tower) nor of a BERT: %w",
			errors.Join(m.problems...))
	}
	return nil, fmt.Errorf("the tensors are not those of a Visualized-BGE: %w", errors.Join(m.problems...))
}

// measurement collects what is wrong while the sizes read as a list.
type measurement struct {
	shapes   map[string][]int
	problems []error
}

// axis is a size that one axis of a tensor of the given rank has.
func (m *measurement) axis(name string, field *int, tensor string, rank, axis int) size {
	s := size{name: name, field: field, from: "tensor " + tensor}
	shape, ok := m.shapes[tensor]
	switch {
	case !ok:
		m.problems = append(m.problems, fmt.Errorf("%s is unknown: %w: %s", name, ErrIncomplete, tensor))
	case len(shape) != rank || shape[axis] < 1 || shape[axis] > maxSize:
		m.problems = append(m.problems, fmt.Errorf("%s is unknown: tensor %s has shape %v", name, tensor, shape))
	default:
		s.value = shape[axis]
	}
	return s
}

func (m *measurement) layers(name string, field *int, prefix string) size {
	return size{name: name, field: field, from: "the tensors " + prefix + "*", value: countLayers(m.shapes, prefix)}
}

// vision adds what the vision tower's tensors tell.
func (m *measurement) vision(all *sizes, c *Config) {
	all.fields = append(all.fields,
		m.axis("patch_size", &c.PatchSize, visual+"patch_embed.proj.weight", 4, 3),
		m.axis("vision.width", &c.Vision.Width, visual+"cls_token", 3, 2),
		m.axis("vision.head_width", &c.Vision.HeadWidth, RopeCos, 2, 1),
		m.layers("vision.layers", &c.Vision.Layers, visual+"blocks."))
	head := size{name: "vision.head_out", field: &c.Vision.HeadOut, absent: true}
	if _, ok := m.shapes[visual+"head.weight"]; ok { // inference does not need it
		head = m.axis(head.name, head.field, visual+"head.weight", 2, 0)
	}
	all.fields = append(all.fields, head)
	inner := m.axis("inner width of the SwiGLU", nil, visual+"blocks.0.mlp.w1.weight", 2, 0)
	grid := m.axis("grid", nil, visual+"pos_embed", 3, 1)
	if n := grid.value - 1; n >= 0 {
		grid.value = int(math.Sqrt(float64(n)))
		if n == 0 || grid.value*grid.value != n {
			m.problems = append(m.problems, fmt.Errorf("grid is unknown: %s has %d rows, not a square number and one", grid.from, n+1))
		}
	}
	all.grid, all.inner = &grid, &inner
}

// compare holds the configuration that the fields point into against the tensors.
func (s *sizes) compare(c *Config) error {
	all := s.fields
	if s.grid != nil {
		grid, inner := *s.grid, *s.inner
		side, width := c.Grid(), c.SwiGLUWidth()
		grid.field, inner.field = &side, &width
		all = slices.Concat(all, []size{grid, inner})
	}
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
	headsFrom := from
	if !given {
		c.Text.Heads, headsFrom = headsOf(c.Text.Hidden)
	}
	assume("text.heads", c.Text.Heads, headsFrom)
	assume("text.ln_eps", c.Text.LNEps, from)
	if s.grid == nil {
		return assumed
	}
	sideFrom, ratioFrom := from, from
	if !given {
		c.ImageSize, sideFrom = s.grid.value*c.PatchSize, "grid x patch_size"
		if c.SwiGLUWidth() != s.inner.value {
			c.Vision.MLPRatio, ratioFrom = ratioFor(s.inner.value, c.Vision.Width), "SwiGLU width / vision.width"
		}
	}
	assume("image_size", c.ImageSize, sideFrom)
	assume("vision.mlp_ratio", c.Vision.MLPRatio, ratioFrom)
	assume("mean", c.Mean, from)
	assume("std", c.Std, from)
	assume("vision.ln_eps", c.Vision.LNEps, from)
	assume("rope.theta", c.Rope.Theta, from)
	assume("rope.pt_hw_seq_len", c.Rope.PtHWSeqLen, from)
	return assumed
}

// headsOf guesses the number of heads, which no tensor tells: heads of 64, as BERT's sizes have, save at
// width 384, where MiniLM and the small BGE, E5 and GTE have 12 of 32.
func headsOf(hidden int) (heads int, from string) {
	if hidden == 384 {
		return 12, "12 heads of 32, as MiniLM and bge-small have"
	}
	return max(1, hidden/64), "text.hidden / 64"
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
