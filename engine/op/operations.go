package op

// Operation is one of the structs in this file, each the full description of what is computed.
type Operation interface {
	// Inputs returns the tensors the operation reads.
	Inputs() []Tensor
}

// Node is an operation in its place in a pass.
type Node struct {
	Operation Operation
	Out       Tensor
}

// Patches cuts pictures into flattened patches, row by row: the input of the patch embedding.
// A row of the result [pictures x (Side/Patch)^2, 3 x Patch x Patch] is one patch in the order
// channel, row, column, each sample mapped by Levels (which holds the normalisation).
type Patches struct {
	Pixels []uint8 // [pictures, Side, Side, 3], RGB; borrowed until the pass has run
	Side   int     // pixels
	Patch  int     // pixels
	Levels *[3][256]float32
}

// Given is rows that the caller has: y = Values.
type Given struct {
	Values []float32 // [rows, Cols]; borrowed until the pass has run
	Cols   int
}

// LinearLayer is y = x W^T + b, plus Residual where there is one.
type LinearLayer struct {
	X        Tensor // [rows, in]
	Weight   Linear
	Residual Tensor // [rows, out] or none
}

// GELU is x/2 (1 + erf(x / sqrt 2)): the exact form, not the tanh approximation.
type GELU struct{ X Tensor }

// LayerNorm is (x - mean) / sqrt(variance + Eps) x Gain + Bias over each row, with the biased
// variance.
type LayerNorm struct {
	X          Tensor
	Gain, Bias Table // [1, cols]
	Eps        float32
}

// SwiGLU is silu(left half of the row) x right half, silu(t) = t / (1 + e^-t): [rows, 2M] to
// [rows, M].
type SwiGLU struct{ X Tensor }

// Rotary turns the pairs of channels (2j, 2j+1) of every head: (a, b) becomes
// (a cos - b sin, b cos + a sin). Row r of the tables serves the token at place r of its sequence.
type Rotary struct {
	Cos, Sin Table // [longest sequence, head width], each angle twice in a row
}

// Attention is softmax(q k^T / sqrt(head width)) v, per head and per sequence, without a mask:
// queries of sequence i see the keys of sequence i and no others.
type Attention struct {
	Q, K, V  Tensor // [query rows, width], [key rows, width] twice; width = Heads x head width
	Heads    int
	Queries  Sequences
	Keys     Sequences
	Rotation *Rotary // applied to q and k on the way in; nil for none
}

// Embedding is Word[ids] + TokenType[0] + Position[positions].
type Embedding struct {
	Word, TokenType, Position Table
	IDs, Positions            []int32 // borrowed until the pass has run
}

// AddRows adds row At[i] of Table to row i of X.
type AddRows struct {
	X     Tensor
	Table Table
	At    []int32 // borrowed until the pass has run
}

// Prepend puts Row before the first row of every sequence of X.
type Prepend struct {
	X         Tensor
	Row       Table // [1, cols]
	Sequences Sequences
}

// Gather picks rows: row i of the result is row At[i] of the tensors From, counted as if they
// stood below one another.
type Gather struct {
	From []Tensor
	At   []int32 // borrowed until the pass has run
}

// Normalise divides each row by its Euclidean length, or by 1e-12 if that is larger.
type Normalise struct{ X Tensor }

func (o Patches) Inputs() []Tensor     { return nil }
func (o Given) Inputs() []Tensor       { return nil }
func (o LinearLayer) Inputs() []Tensor { return present(o.X, o.Residual) }
func (o GELU) Inputs() []Tensor        { return []Tensor{o.X} }
func (o LayerNorm) Inputs() []Tensor   { return []Tensor{o.X} }
func (o SwiGLU) Inputs() []Tensor      { return []Tensor{o.X} }
func (o Attention) Inputs() []Tensor   { return []Tensor{o.Q, o.K, o.V} }
func (o Embedding) Inputs() []Tensor   { return nil }
func (o AddRows) Inputs() []Tensor     { return []Tensor{o.X} }
func (o Prepend) Inputs() []Tensor     { return []Tensor{o.X} }
func (o Gather) Inputs() []Tensor      { return o.From }
func (o Normalise) Inputs() []Tensor   { return []Tensor{o.X} }

func present(tensors ...Tensor) []Tensor {
	kept := tensors[:0]
	for _, t := range tensors {
		if t.ID != 0 {
			kept = append(kept, t)
		}
	}
	return kept
}
