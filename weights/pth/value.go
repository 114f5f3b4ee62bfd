package pth

import (
	"fmt"

	"vbge/weights/tensor"
)

// The values a pickle can build here besides bool, int64, float64 and string (tuples are []any).
type (
	none struct{}
	list struct{ items []any }
	// dict keeps insertion order, as Python's dict and OrderedDict do.
	dict struct {
		keys   []any
		values []any
		index  map[string]int // of the string keys
	}
)

func (d *dict) get(key string) (any, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

func (d *dict) set(key, value any) error {
	if name, ok := key.(string); ok {
		if _, twice := d.index[name]; twice {
			return fmt.Errorf("key %q stands twice in a dict", name)
		}
		if d.index == nil {
			d.index = make(map[string]int)
		}
		d.index[name] = len(d.keys)
	}
	d.keys, d.values = append(d.keys, key), append(d.values, value)
	return nil
}

// kind names a value's type in Python's words, for messages; values themselves may be cyclic.
func kind(v any) string {
	switch v.(type) {
	case none:
		return "None"
	case bool:
		return "a bool"
	case int64:
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
	case *tensor.View:
		return "a tensor"
	}
	return "a class"
}
