package catalog

import (
	"errors"
	"os"
	"path/filepath"
)

// BinaryVariable names the environment variable with the path of the
// milvus-lite executable.
const BinaryVariable = "VBGE_MILVUS_LITE"

// fetchedBinary is where `make setup` puts it, relative to the repository.
const fetchedBinary = "third_party/native/milvus-lite/milvus"

// ErrNoBinary means that the milvus-lite executable was not found.
var ErrNoBinary = errors.New("the milvus-lite executable was not found: run `make setup`, or set " + BinaryVariable + " to its path, or use --uri http://host:port of a Milvus server")

// FindBinary returns the path of the milvus-lite executable: $VBGE_MILVUS_LITE,
// else third_party/native/milvus-lite/milvus of the repository that holds this
// program (bin/vbge) or the working directory. It returns ErrNoBinary if there
// is none.
func FindBinary() (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" {
		if !isFile(path) {
			return "", errors.New(BinaryVariable + "=" + path + ": no such file")
		}
		return filepath.Abs(path)
	}
	var starts []string
	if self, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(self))
	}
	if here, err := os.Getwd(); err == nil {
		starts = append(starts, here)
	}
	for _, folder := range starts {
		for {
			if path := filepath.Join(folder, fetchedBinary); isFile(path) {
				return path, nil
			}
			parent := filepath.Dir(folder)
			if parent == folder {
				break
			}
			folder = parent
		}
	}
	return "", ErrNoBinary
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
