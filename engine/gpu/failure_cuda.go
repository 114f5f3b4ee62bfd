//go:build cuda && cgo

package gpu

import (
	"fmt"
	"sync/atomic"
)

// failure is the first device error, after which nothing is computed any more: the driver makes
// most of them sticky for the whole context, and a wrong vector is worse than none.
type failure struct{ err atomic.Pointer[error] }

func (f *failure) set(err error) {
	err = fmt.Errorf("%w: %w", ErrFailed, err)
	f.err.CompareAndSwap(nil, &err)
}

func (f *failure) get() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}
