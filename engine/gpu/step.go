package gpu

// Step is one launch: a struct of this file, each the operands of one launcher of package kernels or
// of a product. Data that changes from batch to batch stands in Staging; all else is in the step.
type Step interface {
	// Kind names the step in tables and traces.
	Kind() string
	// Operands returns the activations that the step reads (inputs from Staging and parameters not
	// among them) and the one that it writes.
	Operands() (reads []Operand, writes Operand)
}

// Patches is kernels.Patches: Pixels is uint8 [pictures, Side, Side, 3], Levels float32 [3, 256].
type Patches struct {
	Pixels, Levels Place // Staging
	Side, Patch    int
	Y              Operand
}

// Product is y = x weight^T + bias + residual. Residual is none, or Y itself, or another matrix.
type Product struct {
	X        Operand
	Weight   linear
	Residual Operand
	Y        Operand
}

// GELU is the erf form; Y is X, or apart from it.
type GELU struct{ X, Y Operand }

// Norm is a layer norm's parameters, float32 [1, cols] each.
type Norm struct {
	Gain, Bias Place
	Eps        float32
}

// LayerNorm is kernels.LayerNorm; Y is X, or apart from it.
type LayerNorm struct {
	X    Operand
	Norm Norm
	Y    Operand
}

// LayerNormNormalise is a layer norm, then the division by the Euclidean length; Y is float32.
type LayerNormNormalise struct {
	X    Operand
	Norm Norm
	Y    Operand
}

// SwiGLU is kernels.SwiGLU: X has twice Y's columns.
type SwiGLU struct{ X, Y Operand }

// SwiGLUNorm is SwiGLU, then a layer norm over Y's columns.
type SwiGLUNorm struct {
	X    Operand
	Norm Norm
	Y    Operand
}

// Normalise divides by the Euclidean length. Float32 says that Y is float32 whatever X is.
type Normalise struct {
	X, Y    Operand
	Float32 bool
}

// Lookup adds row At[i] of Table to row i, and nothing where At[i] is negative. Without a Table it is
// absent; without At it adds row 0 everywhere.
type Lookup struct{ Table, At Place }

// Assemble is kernels.Assemble, all moving of rows: row i of Y is row At[i] of Table's TableRows rows
// (float32, dense) and then of Sources as if they stood below one another, plus Add, then Norm. A
// negative At[i] leaves row i of Y as it is. Without At row i is row i.
type Assemble struct {
	Table     Place // Parameters, or none
	TableRows int
	Sources   []Operand // up to maxSources
	At        Place     // Staging, or none
	Add       [2]Lookup
	Norm      *Norm
	Y         Operand

	// Of this batch, for its cost: rows that are moved, and those of them that are of Sources.
	rows       int
	sourceRows int64
}

// maxSources is what one Assemble reads from besides a table.
const maxSources = 3

// Export copies X to a dense float32 Y.
type Export struct{ X, Y Operand }

// Attention is kernels.Attention.
type Attention struct {
	Q, K, V       Operand
	Heads, Width  int   // Width is a head's
	Queries, Keys Place // Staging: int32 cumulative lengths
	Tiles         Place // Staging: int32 [1 + 2 MaxTiles]
	MaxTiles      int
	Cos, Sin      Place // float32 [longest, Width], or none
	Sequences     int   // the bucket; Queries and Keys have one value more
	Y             Operand

	// Of this batch, for its cost: query and key rows, and pairs of a query and a key that it sees.
	queries, keys int
	scores        int64
}

func (Patches) Kind() string            { return "patches" }
func (Product) Kind() string            { return "product" }
func (GELU) Kind() string               { return "gelu" }
func (LayerNorm) Kind() string          { return "layer_norm" }
func (LayerNormNormalise) Kind() string { return "layer_norm_normalise" }
func (SwiGLU) Kind() string             { return "swiglu" }
func (SwiGLUNorm) Kind() string         { return "swiglu_norm" }
func (Normalise) Kind() string          { return "normalise" }
func (Assemble) Kind() string           { return "assemble" }
func (Export) Kind() string             { return "export" }
func (Attention) Kind() string          { return "attention" }

func (s Patches) Operands() ([]Operand, Operand) { return nil, s.Y }
func (s Product) Operands() ([]Operand, Operand) {
	if s.Residual.Space == None {
		return []Operand{s.X}, s.Y
	}
	return []Operand{s.X, s.Residual}, s.Y
}
func (s GELU) Operands() ([]Operand, Operand)               { return []Operand{s.X}, s.Y }
func (s LayerNorm) Operands() ([]Operand, Operand)          { return []Operand{s.X}, s.Y }
func (s LayerNormNormalise) Operands() ([]Operand, Operand) { return []Operand{s.X}, s.Y }
func (s SwiGLU) Operands() ([]Operand, Operand)             { return []Operand{s.X}, s.Y }
func (s SwiGLUNorm) Operands() ([]Operand, Operand)         { return []Operand{s.X}, s.Y }
func (s Normalise) Operands() ([]Operand, Operand)          { return []Operand{s.X}, s.Y }
func (s Assemble) Operands() ([]Operand, Operand)           { return s.Sources, s.Y }
func (s Export) Operands() ([]Operand, Operand)             { return []Operand{s.X}, s.Y }
func (s Attention) Operands() ([]Operand, Operand)          { return []Operand{s.Q, s.K, s.V}, s.Y }
