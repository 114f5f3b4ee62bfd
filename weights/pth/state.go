package pth

import (
	"fmt"

	"vbge/weights/tensor"
)

// name takes the wrappers off an unpickled object and gives every tensor its name.
func (c *File) name(root any) error {
	state, ok := root.(*dict)
	if !ok {
		return fmt.Errorf("holds %s, not a state_dict", kind(root))
	}
	for _, wrapper := range []string{"state_dict", "model", "module"} {
		if inner, ok := state.get(wrapper); ok {
			if d, ok := inner.(*dict); ok {
				state = d
			}
		}
	}
	for _, p := range state.pairs {
		name, ok := p.key.(string)
		if !ok {
			return fmt.Errorf("the state_dict has %s for a key", kind(p.key))
		}
		if len(name) > maxName {
			return fmt.Errorf("the state_dict has a key of %d bytes", len(name))
		}
		t, ok := p.value.(*tensor.View)
		if !ok {
			c.others = append(c.others, name)
			continue
		}
		named := *t // the pickle may give one tensor two names
		named.Name = name
		c.tensors = append(c.tensors, &named)
	}
	return nil
}
