//go:build cuda

package kernels

import "vbge/cuda"

// rowThreads is a block of a kernel that works on whole rows (row.cuh).
const rowThreads = 256

// rowShapes are the variants of such a kernel.
func rowShapes() []string { return []string{"256", "768", "1024", "2048", "any"} }

// rowShape returns the variant for rows of this many columns, and how many rows a block takes. whole says that all rows
// consist of whole 16-byte vectors.
func rowShape(cols int, whole bool) (variant string, rows int) {
	const warpEach, blockEach = rowThreads / 32, 1
	switch {
	case !whole || cols > 2048:
		return "any", warpEach
	case cols <= 256:
		return "256", warpEach
	case cols <= 768:
		return "768", warpEach
	case cols <= 1024:
		return "1024", warpEach
	}
	return "2048", blockEach
}

// rowGrid covers rows with blocks of a kernel that takes rowsPerBlock of them.
func rowGrid(rows, rowsPerBlock int) cuda.Grid {
	return cuda.Grid{X: blocks(rows, rowsPerBlock), Threads: rowThreads}
}

// elementThreads is a block of a kernel that works on single columns (elements.cuh).
const elementThreads = 256

// anyValues is how many values a thread of the variant any takes.
const anyValues = 4

// elementVariants are the variants of such a kernel: whole vectors, and any width and alignment.
func elementVariants() []string { return []string{"", "any"} }

// elementShape returns the variant of such a kernel whose threads take values each in whole vectors, how many chunks it
// cuts a row into, and its grid.
func elementShape(rows, cols, values int, whole bool) (variant string, chunks int, g cuda.Grid) {
	if !whole {
		variant, values = "any", anyValues
	}
	chunks = blocks(cols, elementThreads*values)
	return variant, chunks, cuda.Grid{X: rows * chunks, Threads: elementThreads}
}

// flat returns matrices of the same shape whose rows follow one another without a gap as matrices of one row, and others
// as they are.
func flat(x, y Matrix) (Matrix, Matrix) {
	n := x.Rows * x.Cols
	if x.Stride != x.Cols || y.Stride != y.Cols || n > mostCols {
		return x, y
	}
	return Matrix{At: x.At, Rows: min(x.Rows, 1), Cols: n, Stride: n}, Matrix{At: y.At, Rows: min(y.Rows, 1), Cols: n, Stride: n}
}
