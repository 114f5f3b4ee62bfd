// Package kernels is what vbge computes on the device beside cuBLASLt's matrix products: one operation a file, X.cu with
// the kernels and X.go with the call that launches them. engine/ref defines what each computes. It needs the build tag cuda.
//
// Activations are stored as f32, bf16 or f16; whatever is looked up by row (tables, gains and biases of norms, rotations)
// is float32, and so is all arithmetic.
//
// CMake's preset cuda compiles every X.cu to X.fatbin beside it, which git ignores and the binary embeds.
package kernels
