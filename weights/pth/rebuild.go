package pth

import (
	"fmt"

	"vbge/weights/tensor"
)

// storage is what a persistent id stands for: count elements of a storage of the container, from
// element begin on, which is 0 but for the views of old legacy files.
type storage struct {
	dtype        tensor.DType
	key          string
	begin, count int
}

// persistent reads ("storage", type, key, location, element count); the location (cpu, cuda:0)
// is where the tensor was, and does not matter here. The legacy format adds what part of the
// storage is meant: None, or (key, offset, count).
func (g torchGlobals) persistent(id any) (any, error) {
	fields, _ := id.([]any)
	if len(fields) == 4 && fields[0] == "module" {
		return nil, fmt.Errorf("a persistent id of a module's class: the file holds a whole module; save its state_dict")
	}
	want := 5
	if g.legacy {
		want = 6
	}
	if len(fields) != want || fields[0] != "storage" {
		return nil, fmt.Errorf("a persistent id that is no storage")
	}
	dtype, ok1 := fields[1].(tensor.DType)
	key, ok2 := fields[2].(string)
	count, ok3 := fields[4].(int64)
	if !ok1 || !ok2 || !ok3 {
		return nil, fmt.Errorf("a storage's type, key and size are %s, %s and %s", kind(fields[1]), kind(fields[2]), kind(fields[4]))
	}
	if len(key) > maxName {
		return nil, fmt.Errorf("a storage with a key of %d bytes", len(key))
	}
	if count < 0 || count > g.size/int64(dtype.Size()) {
		return nil, fmt.Errorf("storage %q of %d elements of type %s in a file of %d bytes", key, count, dtype, g.size)
	}
	s := storage{dtype, key, 0, int(count)}
	// Nothing is stored of an empty storage, which tensors of several types may share.
	if known, ok := g.storages[key]; ok && known != s && known.count+s.count > 0 {
		return nil, fmt.Errorf("storage %q is once %d x %s, once %d x %s", key, known.count, known.dtype, s.count, s.dtype)
	}
	g.storages[key] = s
	if g.legacy {
		return g.part(s, fields[5])
	}
	return s, nil
}

// part reads a view of a storage, which only early versions of torch wrote.
func (g torchGlobals) part(root storage, view any) (storage, error) {
	if view == (any)(none{}) {
		return root, nil
	}
	fields, _ := view.([]any)
	if len(fields) != 3 {
		return storage{}, fmt.Errorf("storage %q: a view that is %s of %d", root.key, kind(view), len(fields))
	}
	key, ok1 := fields[0].(string)
	begin, ok2 := fields[1].(int64)
	count, ok3 := fields[2].(int64)
	if !ok1 || !ok2 || !ok3 || begin < 0 || count < 0 || begin > int64(root.count) || count > int64(root.count)-begin {
		return storage{}, fmt.Errorf("storage %q: a view outside its %d elements", root.key, root.count)
	}
	s := storage{root.dtype, root.key, int(begin), int(count)}
	if known, ok := g.views[key]; ok && known != s {
		return storage{}, fmt.Errorf("storage %q: view %.100q is two different parts", root.key, key)
	}
	g.views[key] = s
	return s, nil
}

// tensor reads (storage, offset, size, stride, requires_grad, hooks[, metadata]). Any window that
// lies in its storage is one, as in PyTorch: transposed, expanded (stride 0) or overlapping itself.
// But none is larger than the file, so that reading it costs no more than the file does.
func (g torchGlobals) tensor(args []any) (*tensor.View, error) {
	if len(args) != 6 && len(args) != 7 {
		return nil, fmt.Errorf("_rebuild_tensor_v2 with %d arguments, expected 6 or 7", len(args))
	}
	s, ok := args[0].(storage)
	if !ok {
		return nil, fmt.Errorf("_rebuild_tensor_v2 with %s for a storage", kind(args[0]))
	}
	t, err := newView(s, args[1], args[2], args[3])
	if err != nil {
		return nil, fmt.Errorf("storage %q: %w", s.key, err)
	}
	n, err := tensor.Count(t.Shape)
	if err != nil {
		return nil, fmt.Errorf("storage %q: %w", s.key, err)
	}
	if int64(n)*int64(s.dtype.Size()) > g.size {
		return nil, fmt.Errorf("storage %q: shape %v of %s is larger than the whole file of %d bytes: an expanded tensor, "+
			"which .contiguous() makes a whole one", s.key, t.Shape, s.dtype, g.size)
	}
	if len(args) == 7 { // {"conj": True} or {"neg": True}: the values are to be conjugated or negated
		if d, ok := args[6].(*dict); args[6] != (any)(none{}) && (!ok || len(d.pairs) > 0) {
			return nil, fmt.Errorf("storage %q: a tensor whose values are to be negated or conjugated; .resolve_neg() does it", s.key)
		}
	}
	return t, nil
}

// newView checks a tensor's place in its storage.
func newView(s storage, offset, size, stride any) (*tensor.View, error) {
	at, ok := offset.(int64)
	if !ok || at < 0 || at > tensor.MaxElements {
		return nil, fmt.Errorf("a tensor begins outside its %d elements", s.count)
	}
	t := &tensor.View{DType: s.dtype, Offset: int(at), Storage: s.key}
	var err error
	if t.Shape, err = sizes(size); err != nil {
		return nil, fmt.Errorf("a tensor's shape: %w", err)
	}
	if t.Stride, err = sizes(stride); err != nil {
		return nil, fmt.Errorf("a tensor's stride: %w", err)
	}
	if len(t.Shape) != len(t.Stride) {
		return nil, fmt.Errorf("shape %v and stride %v differ in length", t.Shape, t.Stride)
	}
	n, _, end, err := t.Extent()
	if err != nil {
		return nil, err
	}
	if n == 0 { // where nothing begins does not matter: behind the storage, if it was cut off something
		t.Offset = s.begin
		return t, nil
	}
	if end > s.count {
		return nil, fmt.Errorf("shape %v, stride %v, offset %d reach element %d of %d", t.Shape, t.Stride, t.Offset, end, s.count)
	}
	t.Offset += s.begin
	return t, nil
}

func sizes(v any) ([]int, error) {
	items, ok := v.([]any)
	if !ok || len(items) > tensor.MaxDims {
		return nil, fmt.Errorf("%s, expected a tuple of at most %d", kind(v), tensor.MaxDims)
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
