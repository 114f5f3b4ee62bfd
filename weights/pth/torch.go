package pth

import (
	"fmt"

	"vbge/weights/tensor"
)

// constructor is a callable of the allow-list.
type constructor int

const (
	orderedDict constructor = iota
	rebuildTensor
	rebuildParameter
)

// storage is what a persistent id stands for: elements [0, count) of an entry.
type storage struct {
	dtype tensor.DType
	key   string
	count int
}

// maxDims is twice what a convolution has.
const maxDims = 8

// torchGlobals is the allow-list of what torch.save's pickles may name. It keeps the storages it
// met, so that their sizes can be held against the container's.
type torchGlobals struct {
	storages map[string]storage
}

func (torchGlobals) global(module, name string) (any, error) {
	switch module + "." + name {
	case "collections.OrderedDict":
		return orderedDict, nil
	case "torch._utils._rebuild_tensor_v2":
		return rebuildTensor, nil
	case "torch._utils._rebuild_parameter":
		return rebuildParameter, nil
	case "torch.FloatStorage":
		return tensor.F32, nil
	case "torch.HalfStorage":
		return tensor.F16, nil
	case "torch.BFloat16Storage":
		return tensor.BF16, nil
	case "torch.DoubleStorage":
		return tensor.F64, nil
	case "torch.LongStorage":
		return tensor.I64, nil
	case "torch.IntStorage":
		return tensor.I32, nil
	case "torch.ShortStorage":
		return tensor.I16, nil
	case "torch.CharStorage":
		return tensor.I8, nil
	case "torch.ByteStorage":
		return tensor.U8, nil
	case "torch.BoolStorage":
		return tensor.Bool, nil
	}
	return nil, fmt.Errorf("the file asks for %q, which is not on the list of constructors a state_dict needs; "+
		"nothing was executed (save the weights with torch.save(model.state_dict(), ...))", module+"."+name)
}

// persistent reads ("storage", type, key, location, element count); the location (cpu, cuda:0)
// is where the tensor was, and does not matter here.
func (g torchGlobals) persistent(id any) (any, error) {
	fields, _ := id.([]any)
	if len(fields) < 5 || fields[0] != "storage" {
		return nil, fmt.Errorf("a persistent id that is no storage")
	}
	dtype, ok1 := fields[1].(tensor.DType)
	key, ok2 := fields[2].(string)
	count, ok3 := fields[4].(int64)
	if !ok1 || !ok2 || !ok3 {
		return nil, fmt.Errorf("a storage's type, key and size are %s, %s and %s", kind(fields[1]), kind(fields[2]), kind(fields[4]))
	}
	if count < 0 || count > tensor.MaxElements {
		return nil, fmt.Errorf("storage %q of %d elements", key, count)
	}
	s := storage{dtype, key, int(count)}
	if known, ok := g.storages[key]; ok && known != s {
		return nil, fmt.Errorf("storage %q is once %d x %s, once %d x %s", key, known.count, known.dtype, s.count, s.dtype)
	}
	g.storages[key] = s
	return s, nil
}

func (g torchGlobals) reduce(callable any, args []any) (any, error) {
	switch callable {
	case orderedDict:
		if len(args) != 0 {
			return nil, fmt.Errorf("OrderedDict with %d arguments, expected none", len(args))
		}
		return &dict{}, nil
	case rebuildParameter: // (tensor, requires_grad, hooks)
		if len(args) > 0 {
			if t, ok := args[0].(*tensor.View); ok {
				return t, nil
			}
		}
		return nil, fmt.Errorf("_rebuild_parameter without a tensor")
	case rebuildTensor:
		return newTensor(args)
	}
	return nil, fmt.Errorf("%s was called as a constructor", kind(callable))
}

// newTensor reads (storage, offset, size, stride, requires_grad, hooks).
func newTensor(args []any) (*tensor.View, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("_rebuild_tensor_v2 with %d arguments, expected 6", len(args))
	}
	s, ok := args[0].(storage)
	if !ok {
		return nil, fmt.Errorf("_rebuild_tensor_v2 with %s for a storage", kind(args[0]))
	}
	offset, ok := args[1].(int64)
	if !ok || offset < 0 || offset > int64(s.count) {
		return nil, fmt.Errorf("storage %q: a tensor begins outside its %d elements", s.key, s.count)
	}
	shape, err := sizes(args[2])
	if err != nil {
		return nil, fmt.Errorf("storage %q: a tensor's shape: %w", s.key, err)
	}
	stride, err := sizes(args[3])
	if err != nil {
		return nil, fmt.Errorf("storage %q: a tensor's stride: %w", s.key, err)
	}
	t := &tensor.View{DType: s.dtype, Shape: shape, Stride: stride, Offset: int(offset), Storage: s.key}
	if len(shape) != len(stride) {
		return nil, fmt.Errorf("storage %q: shape %v and stride %v differ in length", s.key, shape, stride)
	}
	n, begin, end, err := t.Extent()
	if err != nil {
		return nil, fmt.Errorf("storage %q: %w", s.key, err)
	}
	if end > s.count {
		return nil, fmt.Errorf("storage %q: shape %v, stride %v, offset %d reach element %d of %d", s.key, shape, stride, t.Offset, end, s.count)
	}
	if n > end-begin {
		return nil, fmt.Errorf("storage %q: shape %v with stride %v: elements overlap", s.key, shape, stride)
	}
	return t, nil
}

func sizes(v any) ([]int, error) {
	items, ok := v.([]any)
	if !ok || len(items) > maxDims {
		return nil, fmt.Errorf("%s, expected a tuple of at most %d", kind(v), maxDims)
	}
	out := make([]int, len(items))
	for i, item := range items {
		n, ok := item.(int64)
		if !ok || n < 0 || n > tensor.MaxElements {
			return nil, fmt.Errorf("%s at place %d, not an int in range", kind(item), i)
		}
		out[i] = int(n)
	}
	return out, nil
}
