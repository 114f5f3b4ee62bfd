//go:build cuda

package kernels

import "vbge/cuda"

// mostSources is how many matrices an assembly's rows can come from beside its table.
const mostSources = 3

// Assemble describes a matrix that consists of rows of others: row At[i] of what follows, plus rows of tables, normed.
type Assemble struct {
	Table     cuda.Pointer // float32 [TableRows, cols]
	TableRows int          // 0 for none
	Sources   []Matrix     // at most 3, of the storage type; their rows count as if below the table's and one another's
	At        cuda.Pointer // int32 for each row of the result; 0 for 0, 1, 2, ...; a negative one leaves the row as it is
	Add       [2]Lookup
	Norm      *Norm // nil for none
}

// Lookup is row At[i] of a table, to be added to row i.
type Lookup struct {
	Table cuda.Pointer // float32 [*, cols]; 0 for nothing to add
	At    cuda.Pointer // int32 for each row; 0 for row 0 everywhere; a negative one adds nothing
}

func assembleKernels() source {
	return source{"assemble", append(everyType("assemble", elementVariants()...), everyType("assemble_norm", rowShapes()...)...)}
}

// Assemble is op.Embedding, op.AddRows, op.Prepend, op.Gather, and combinations, with the layer norm that may follow. y
// may be a source if At is 0, and shares nothing with one otherwise. What the lists hold is the caller's responsibility.
func (k *Set) Assemble(s *cuda.Stream, t cuda.Type, a Assemble, y Matrix) error {
	if err := a.check(y); err != nil {
		return err
	}
	whole := vectors(t, y) && vectors(t, a.Sources...) && aligned(a.Table, a.Add[0].Table, a.Add[1].Table)
	args := append(make([]cuda.Argument, 0, 24), cuda.Address(a.Table), cuda.Int(a.TableRows))
	for i := range mostSources {
		var m Matrix
		if i < len(a.Sources) {
			m = a.Sources[i]
		}
		args = append(args, cuda.Address(m.At), cuda.Int(m.Rows), cuda.Int(m.Stride))
	}
	args = append(args, cuda.Address(a.At), cuda.Address(a.Add[0].Table), cuda.Address(a.Add[0].At),
		cuda.Address(a.Add[1].Table), cuda.Address(a.Add[1].At))

	operation, shape, rows := "assemble", "any", rowThreads/32
	switch {
	case a.Norm != nil:
		operation = "assemble_norm"
		shape, rows = rowShape(y.Cols, whole && a.Norm.aligned())
		args = append(args, cuda.Address(a.Norm.Gain), cuda.Address(a.Norm.Bias), cuda.Float(a.Norm.Eps))
	case whole:
		shape = ""
	}
	args = append(args, cuda.Address(y.At), cuda.Int(y.Stride), cuda.Int(y.Rows), cuda.Int(y.Cols))
	return k.launch(s, kernelName(operation, t, shape), rowGrid(y.Rows, rows), args...)
}

func (a Assemble) check(y Matrix) error {
	const what = "assembly of"
	if err := y.check(what); err != nil {
		return err
	}
	if err := require(len(a.Sources) <= mostSources, "%s %d matrices, of at most %d", what, len(a.Sources), mostSources); err != nil {
		return err
	}
	rows := a.TableRows
	for _, m := range a.Sources {
		if err := m.check(what); err != nil {
			return err
		}
		if err := require(m.Cols == y.Cols, "%s rows of %d to rows of %d", what, m.Cols, y.Cols); err != nil {
			return err
		}
		rows += m.Rows
	}
	if err := require(a.TableRows >= 0 && (a.TableRows == 0 || a.Table != 0), "%s a table of %d rows at 0", what, a.TableRows); err != nil {
		return err
	}
	return require(a.At != 0 || rows >= y.Rows, "%s the first %d of %d rows", what, y.Rows, rows)
}
