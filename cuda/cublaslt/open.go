//go:build cuda

package cublaslt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// ErrMissing says that no cuBLASLt of the wanted version was found.
var ErrMissing = errors.New("cuBLASLt 13 is missing: `pip install nvidia-cublas`, or install the CUDA 13 toolkit, " +
	"or set VBGE_CUBLASLT to the path of libcublasLt.so.13")

// name is the library's soname: the ABI is that of the header's major version.
const name = "libcublasLt.so.13"

// Open opens the library named by $VBGE_CUBLASLT, or else the first of libcublasLt.so.13 where the loader looks, beside an active
// Python environment, and where the toolkit is installed. The error is an ErrMissing that tells why each was not opened.
func Open() (*Library, error) {
	if path := os.Getenv("VBGE_CUBLASLT"); path != "" {
		l, err := open(path)
		if err != nil {
			return nil, fmt.Errorf("%w (VBGE_CUBLASLT: %w)", ErrMissing, err)
		}
		return l, nil
	}
	l, first := open(name)
	if first == nil {
		return l, nil
	}
	err := fmt.Errorf("%w (%w", ErrMissing, first)
	for _, path := range installed() {
		l, why := open(path)
		if why == nil {
			return l, nil
		}
		err = fmt.Errorf("%w; %w", err, why)
	}
	return nil, fmt.Errorf("%w)", err)
}

// installed returns the libraries that exist where pip, conda and the toolkit's packages put them.
func installed() (paths []string) {
	var patterns []string
	for _, root := range []string{os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX"), homeLocal(), "/usr/local", "/usr"} {
		if root == "" {
			continue
		}
		patterns = append(patterns,
			filepath.Join(root, "lib/python3*/site-packages/nvidia/cu13/lib", name),
			filepath.Join(root, "lib/python3*/dist-packages/nvidia/cu13/lib", name))
	}
	if root := os.Getenv("CONDA_PREFIX"); root != "" {
		patterns = append(patterns, filepath.Join(root, "lib", name))
	}
	if root := os.Getenv("CUDA_HOME"); root != "" {
		patterns = append(patterns, filepath.Join(root, "lib64", name))
	}
	patterns = append(patterns, filepath.Join("/usr/local/cuda/lib64", name), filepath.Join("/usr/local/cuda-13*/lib64", name))
	for _, pattern := range patterns {
		found, _ := filepath.Glob(pattern) // its only error is a bad pattern
		paths = append(paths, found...)
	}
	return paths
}

func homeLocal() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local")
}

func open(path string) (*Library, error) {
	runtime.LockOSThread() // the reason of a failure is kept for the thread
	defer runtime.UnlockOSThread()
	l := &Library{path: path}
	if err := openNative(path, l); err != nil {
		return nil, err
	}
	if v := l.Version(); v/10000 != 13 {
		return nil, fmt.Errorf("%s is version %d, not 13", path, v)
	}
	return l, nil
}
