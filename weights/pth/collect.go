package pth

import (
	"fmt"
	"slices"
)

// begin handles empty collections and marks.
func (m *machine) begin(op byte) error {
	switch op {
	case '}':
		m.push(&dict{})
	case ']':
		m.push(&list{})
	case ')':
		m.push([]any{})
	case 0x8f: // EMPTY_SET
		m.push(set)
	case '(':
		if len(m.marks) == maxMarks {
			return fmt.Errorf("more than %d levels deep", maxMarks)
		}
		m.marks = append(m.marks, len(m.stack))
	}
	return nil
}

// collect handles what makes a tuple of the values on the stack, or fills a collection below them.
func (m *machine) collect(op byte) error {
	var items []any
	var err error
	switch op {
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		items, err = m.popN(int(op-0x85) + 1)
	case 'a': // APPEND
		items, err = m.popN(1)
	case 's': // SETITEM
		items, err = m.popN(2)
	default: // TUPLE, FROZENSET, APPENDS, SETITEMS, ADDITEMS
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	switch op {
	case 't', 0x85, 0x86, 0x87:
		m.push(slices.Clone(items))
		return nil
	case 0x91:
		m.push(set)
		return nil
	}
	if len(m.stack) == m.floor() {
		return fmt.Errorf("nothing on the stack to fill")
	}
	return fill(m.stack[len(m.stack)-1], op, items)
}

// fill puts items into a list, dict or set.
func fill(target any, op byte, items []any) error {
	pairs := op == 's' || op == 'u'
	switch target := target.(type) {
	case *list:
		if pairs || op == 0x90 {
			return fmt.Errorf("keys or a set's items put into a list")
		}
		target.items = append(target.items, items...)
		return nil
	case *dict:
		if !pairs || len(items)%2 != 0 {
			return fmt.Errorf("a dict given %d items that are no pairs", len(items))
		}
		for i := 0; i < len(items); i += 2 {
			if err := target.set(items[i], items[i+1]); err != nil {
				return err
			}
		}
		return nil
	case opaque:
		if target == set && op == 0x90 { // ADDITEMS
			return nil
		}
	}
	return fmt.Errorf("items added to %s", kind(target))
}
