//go:build !cuda || !cgo

package gpu

import "vbge/engine/op"

// Built reports whether this build has the CUDA engine.
const Built = false

// New returns ErrNotBuilt.
func New(Options) (op.Backend, error) { return nil, ErrNotBuilt }

// Find says that this build cannot look.
func Find() Found { return Found{Reasons: []string{ErrNotBuilt.Error()}} }
