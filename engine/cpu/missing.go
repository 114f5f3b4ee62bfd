//go:build !native || !cgo

package cpu

import "vbge/engine/op"

// Built reports whether this build has the native CPU engine.
const Built = false

// New returns ErrNotBuilt.
func New(Options) (op.Backend, error) { return nil, ErrNotBuilt }

// Supports returns ErrNotBuilt.
func Supports(Precision) error { return ErrNotBuilt }

// Describe says what the engine computes with.
func Describe() string { return ErrNotBuilt.Error() }
