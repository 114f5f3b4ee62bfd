//go:build native && cgo && linux

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// boundSpinning starts vbge again, in the same process, with a bound on how long OpenMP's threads
// spin for each other. By default it is so long that a pass which shares its processors with other
// work becomes several times slower: docs/benchmarks.md has figures. libgomp reads the variable
// when it is loaded, which is before any code of ours. A setting of the user's own stands.
func boundSpinning() {
	for _, name := range []string{"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} {
		if os.Getenv(name) != "" {
			return
		}
	}
	if program, err := os.Executable(); err == nil {
		// On success this does not return; on failure vbge works all the same.
		_ = unix.Exec(program, os.Args, append(os.Environ(), "GOMP_SPINCOUNT=10000"))
	}
}
