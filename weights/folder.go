package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"vbge/weights/safetensors"
	"vbge/weights/tensor"
)

// Names of a model folder's files.
const (
	modelFile  = "model.safetensors"
	configFile = "config.json"
	vocabFile  = "vocab.txt"
)

// SelfTestFile is a model folder's file with the embedding of a known input. Folders are valid without.
const SelfTestFile = "selftest.json"

// metadataSource is where model.safetensors keeps the SHA-256 of the checkpoint it was made from.
const metadataSource = "source_sha256"

// ErrClosed means that a Folder was asked for a tensor after Close.
var ErrClosed = errors.New("model folder is closed")

// Folder is an open model folder as Convert writes it. Its weights stay in the file, which is
// mapped into memory: opening takes milliseconds, and pages are read as they are used.
// Methods may be called concurrently.
type Folder struct {
	dir    string
	config Config
	source Source
	header *safetensors.Header

	mu      sync.RWMutex // guards content against Close
	content []byte       // the mapped model.safetensors; nil once closed
	release func() error
}

// Open opens a model folder and checks that it is complete: config.json is valid, every tensor
// that inference needs is there in the shape the configuration asks for, and these files come
// from the same conversion. Errors name the file and what is wrong with it.
func Open(dir string) (*Folder, error) {
	f, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("open model folder %s: %w", dir, err)
	}
	return f, nil
}

func open(dir string) (*Folder, error) {
	config, source, err := readConfig(filepath.Join(dir, configFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w (a model folder is made by vbge convert)", err)
	}
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, fmt.Errorf("%s names no source checkpoint: make the folder with vbge convert", configFile)
	}
	if _, err := os.Stat(filepath.Join(dir, vocabFile)); err != nil {
		return nil, err
	}
	content, release, err := mapFile(filepath.Join(dir, modelFile))
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, config: config, source: *source, content: content, release: release}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", modelFile, errors.Join(err, release()))
	}
	return f, nil
}

func (f *Folder) check() (err error) {
	if f.header, err = safetensors.Parse(f.content); err != nil {
		return err
	}
	if sum := f.header.Metadata[metadataSource]; sum != f.source.SHA256 {
		return fmt.Errorf("made from the checkpoint with SHA-256 %q, but %s says %q: the files do not belong together",
			sum, configFile, f.source.SHA256)
	}
	for _, t := range layout(f.config) {
		if t.role != needed {
			continue
		}
		if _, err := f.entry(t.name, t.shape); err != nil {
			return err
		}
	}
	return nil
}

// entry returns the header's entry of a tensor that inference can read.
func (f *Folder) entry(name string, shape []int) (safetensors.Entry, error) {
	e, ok := f.header.Tensors[name]
	if !ok {
		return e, &TensorError{Name: name, Want: shape}
	}
	if !slices.Equal(e.Shape, shape) {
		return e, &TensorError{Name: name, Want: shape, Found: append([]int{}, e.Shape...)}
	}
	if !e.DType.IsWeight() {
		return e, fmt.Errorf("tensor %s is of type %s, wanted F32, F16 or BF16", name, e.DType)
	}
	return e, nil
}

// data returns the elements of an entry as they are in the mapped file, while it is open.
func (f *Folder) data(e safetensors.Entry) []byte {
	return f.content[f.header.DataOffset:][e.Begin:e.End:e.End]
}

// Config returns the model's configuration.
func (f *Folder) Config() Config { return f.config }

// VocabPath returns the path of the vocabulary, one token a line.
func (f *Folder) VocabPath() string { return filepath.Join(f.dir, vocabFile) }

// ID identifies the model's vectors: the SHA-256, in hex, of the checkpoint that the folder was made
// from, or where it does not pool [CLS], of that and the pooling.
func (f *Folder) ID() string {
	if f.config.Pooling == PoolCLS {
		return f.source.SHA256
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s pooling %s", f.source.SHA256, f.config.Pooling))
	return hex.EncodeToString(sum[:])
}

// Precision returns the element type that the named tensor is stored in, "" if there is none.
func (f *Folder) Precision(name string) tensor.DType { return f.header.Tensors[name].DType }

// Float32 returns the named tensor in row-major order. A float32 tensor is a view into the
// mapped file, read-only (writing to it faults) and valid only until Close, however long the slice
// is kept; float16 and bfloat16 are converted, exactly, into a new slice on each call.
// It fails where the tensor is missing or has another shape, naming both, and after Close.
func (f *Folder) Float32(name string, shape ...int) ([]float32, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.content == nil {
		return nil, fmt.Errorf("model folder %s, tensor %s: %w", f.dir, name, ErrClosed)
	}
	e, err := f.entry(name, shape)
	if err != nil {
		return nil, fmt.Errorf("model folder %s: %w", f.dir, err)
	}
	data := f.data(e)
	n := len(data) / e.DType.Size()
	if n == 0 {
		return []float32{}, nil
	}
	if p := unsafe.Pointer(unsafe.SliceData(data)); e.DType == tensor.F32 && littleEndian && uintptr(p)%4 == 0 {
		return unsafe.Slice((*float32)(p), n), nil
	}
	values := make([]float32, n)
	if err := e.DType.Float32s(values, data); err != nil {
		return nil, fmt.Errorf("model folder %s, tensor %s: %w", f.dir, name, err)
	}
	giveBack(data)
	return values, nil
}

// Forget gives the memory of a tensor that Float32 returned back to the system, but for the first and the last page,
// which others may share. The values stay what they are: who uses them again reads them from the file again.
func (f *Folder) Forget(values []float32) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	data := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values))
	if len(data) == 0 || len(f.content) == 0 {
		return
	}
	first, last := unsafe.Pointer(&f.content[0]), unsafe.Pointer(&f.content[len(f.content)-1])
	if p := uintptr(unsafe.Pointer(&data[0])); uintptr(first) <= p && p <= uintptr(last) { // converted ones are not the file's
		giveBack(data)
	}
}

// Close unmaps the weights: from here on the views that Float32 returned must not be touched.
// A second call does nothing.
func (f *Folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil {
		return nil
	}
	f.content = nil
	if err := f.release(); err != nil {
		return fmt.Errorf("close model folder %s: %w", f.dir, err)
	}
	return nil
}

// littleEndian is true where float32 lies in memory as it lies in the file.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
