//go:build !(native && cgo && linux)

package main

// boundSpinning has nothing to do without OpenMP.
func boundSpinning() {}
