package pth

import (
	"fmt"

	"vbge/weights/tensor"
)

// The values a pickle can build here besides bool, int64, float64 and string (tuples are []any).
type (
	none struct{}
	// bigInt is an integer of more than 64 bits, as it stands: in little-endian two's complement.
	bigInt string
	// opaque is a value that no state_dict needs, by what it is.
	opaque string
	list   struct{ items []any }
	// dict keeps insertion order, as Python's dict and OrderedDict do.
	dict struct {
		pairs []pair
		index map[string]int // of the string keys
	}
	pair struct{ key, value any }
)

// set is all sets: their items are not kept.
const set = opaque("a set")

func (d *dict) get(key string) (any, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.pairs[i].value, true
}

func (d *dict) set(key, value any) error {
	switch key := key.(type) {
	case *list, *dict:
		return fmt.Errorf("%s for a key in a dict", kind(key))
	case string:
		if _, twice := d.index[key]; twice {
			return fmt.Errorf("key %.100q stands twice in a dict", key)
		}
		if d.index == nil {
			d.index = make(map[string]int)
		}
		d.index[key] = len(d.pairs)
	}
	d.pairs = append(d.pairs, pair{key, value})
	return nil
}

// kind names a value's type in Python's words, for messages; values themselves may be cyclic.
func kind(v any) string {
	switch v := v.(type) {
	case none:
		return "None"
	case bool:
		return "a bool"
	case int64, bigInt:
		return "an int"
	case float64:
		return "a float"
	case string:
		return "a str"
	case []any:
		return "a tuple"
	case *list:
		return "a list"
	case *dict:
		return "a dict"
	case opaque:
		return string(v)
	case storage:
		return "a storage"
	case *tensor.View:
		return "a tensor"
	}
	return "a class"
}
