//go:build cuda && cgo

package gpu

import "vbge/engine/op"

// Built reports whether this build has the CUDA engine.
const Built = true

// New starts the engine on one device.
func New(o Options) (op.Backend, error) { return nil, ErrNotBuilt }

// Find looks for the driver, its devices and cuBLASLt.
func Find() Found { return Found{} }
