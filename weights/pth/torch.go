package pth

import (
	"fmt"
	"strings"

	"vbge/weights/tensor"
)

// constructor is a callable of the allow-list.
type constructor int

const (
	orderedDict constructor = iota
	rebuildTensor
	rebuildParameter
	rebuildParameterWithState
	rebuildFromType
	plainValue // makes a value that no state_dict needs
)

// tensorClass is torch.Tensor or torch.nn.Parameter: what _rebuild_from_type_v2 is to make.
type tensorClass struct{}

// globals is the allow-list of what torch.save's pickles may name, besides dtypes. It is what
// torch.load(weights_only=True) allows, as far as that can be a state_dict's or stand beside one
// (https://github.com/pytorch/pytorch/blob/main/torch/_weights_only_unpickler.py).
func globals(name string) (any, bool) {
	switch name {
	case "collections.OrderedDict":
		return orderedDict, true
	case "torch._utils._rebuild_tensor_v2":
		return rebuildTensor, true
	case "torch._utils._rebuild_parameter":
		return rebuildParameter, true
	case "torch._utils._rebuild_parameter_with_state":
		return rebuildParameterWithState, true
	case "torch._tensor._rebuild_from_type_v2":
		return rebuildFromType, true
	case "torch.Tensor", "torch.nn.parameter.Parameter":
		return tensorClass{}, true
	case "torch.storage.UntypedStorage":
		return tensor.U8, true
	case "torch.Size", "torch.device", "_codecs.encode", "collections.Counter",
		"__builtin__.set", "__builtin__.frozenset", "__builtin__.bytearray", "__builtin__.complex",
		"builtins.set", "builtins.frozenset", "builtins.bytearray", "builtins.complex":
		return plainValue, true
	case "torch.float32", "torch.float16", "torch.bfloat16", "torch.float64",
		"torch.int64", "torch.int32", "torch.int16", "torch.int8", "torch.uint8", "torch.bool":
		return opaque("a dtype"), true
	}
	d, ok := storageTypes[strings.TrimPrefix(name, "torch.")]
	return d, ok
}

// storageTypes are the types of the elements of torch's classes of storages.
var storageTypes = map[string]tensor.DType{
	"FloatStorage": tensor.F32, "HalfStorage": tensor.F16, "BFloat16Storage": tensor.BF16, "DoubleStorage": tensor.F64,
	"LongStorage": tensor.I64, "IntStorage": tensor.I32, "ShortStorage": tensor.I16, "CharStorage": tensor.I8,
	"ByteStorage": tensor.U8, "BoolStorage": tensor.Bool,
}

// unread says what the rest of torch's own constructors stand for, which PyTorch reads and this
// package does not.
func unread(name string) string {
	switch name {
	case "torch._utils._rebuild_sparse_tensor", "torch.serialization._get_layout":
		return "a sparse tensor"
	case "torch._utils._rebuild_qtensor", "torch.QInt8Storage", "torch.QUInt8Storage", "torch.QInt32Storage",
		"torch.QUInt4x2Storage", "torch.QUInt2x4Storage":
		return "a quantised tensor"
	case "torch._utils._rebuild_nested_tensor":
		return "a nested tensor"
	case "torch._utils._rebuild_meta_tensor_no_storage":
		return "a tensor on the meta device, which has no values"
	case "torch._utils._rebuild_tensor_v3":
		return "a tensor of unsigned words, 8-bit floats or another type that weights do not have"
	case "torch.ComplexFloatStorage", "torch.ComplexDoubleStorage":
		return "a tensor of complex numbers"
	}
	if strings.HasPrefix(name, "torch.nn.modules.") {
		return "a whole module instead of its state_dict"
	}
	return ""
}

// torchGlobals resolves what torch.save's pickles name. It keeps the storages it met, so that
// their sizes can be held against the container's.
type torchGlobals struct {
	legacy   bool  // storages are named as in the stream format
	size     int64 // of the whole file, in bytes
	storages map[string]storage
	views    map[string]storage // legacy: parts of storages, by their own keys
}

func newTorchGlobals(size int64, legacy bool) torchGlobals {
	return torchGlobals{legacy, size, make(map[string]storage), make(map[string]storage)}
}

func (torchGlobals) global(module, name string) (any, error) {
	name = module + "." + name
	if v, ok := globals(name); ok {
		return v, nil
	}
	if what := unread(name); what != "" {
		return nil, fmt.Errorf("the file holds %s (%s); save model.state_dict() with dense float32, float16 or bfloat16 tensors", what, name)
	}
	return nil, fmt.Errorf("the file asks for %q, which is not on the list of constructors a state_dict needs; "+
		"nothing was executed (save the weights with torch.save(model.state_dict(), ...))", name)
}

func (g torchGlobals) reduce(callable any, args []any) (any, error) {
	switch callable {
	case orderedDict:
		if len(args) != 0 {
			return nil, fmt.Errorf("OrderedDict with %d arguments, expected none", len(args))
		}
		return &dict{}, nil
	case rebuildTensor:
		return g.tensor(args)
	case rebuildParameter: // (tensor, requires_grad, hooks)
		return parameter(args, 3)
	case rebuildParameterWithState: // (tensor, requires_grad, hooks, attributes)
		return parameter(args, 4)
	case rebuildFromType: // (function, class, its arguments, attributes)
		if len(args) != 4 || args[1] != (tensorClass{}) || args[0] == rebuildFromType {
			return nil, fmt.Errorf("_rebuild_from_type_v2 of something else than a tensor")
		}
		inner, ok := args[2].([]any)
		if !ok {
			return nil, fmt.Errorf("_rebuild_from_type_v2 with %s for arguments", kind(args[2]))
		}
		return g.reduce(args[0], inner)
	case plainValue:
		return opaque("a value of a class"), nil
	}
	return nil, fmt.Errorf("%s was called as a constructor", kind(callable))
}

// parameter is the tensor that a Parameter wraps.
func parameter(args []any, want int) (*tensor.View, error) {
	if len(args) == want {
		if t, ok := args[0].(*tensor.View); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("a Parameter made of %d values without a tensor", len(args))
}
