package pth

import "fmt"

// resolver gives meaning to what a pickle names from outside. Nothing a pickle says is executed:
// these three, written for torch.save's output, are all that happens.
type resolver interface {
	global(module, name string) (any, error)
	persistent(id any) (any, error)
	reduce(callable any, args []any) (any, error)
}

const (
	// maxMarks bounds nesting: torch.save's deepest construct needs four open marks.
	maxMarks = 64
	// maxStack bounds the values on the stack: a pickler fills dicts by 1000 pairs at most.
	maxStack = 1 << 13
	// maxSteps bounds the opcodes, and with them memory: a full-size state_dict takes 25,000, and
	// one with its optimizer's state four times as many.
	maxSteps = 1 << 19
	// maxName bounds the names of modules, classes, storages and tensors, which errors repeat.
	maxName = 512
)

// machine runs the opcodes of pickle protocols 2 to 5 that torch.save writes
// (https://github.com/python/cpython/blob/3.11/Lib/pickletools.py describes each).
// An opcode allocates at most a constant, or what it takes off the stack or the input, so memory is
// bounded by a constant times the pickle's length; values are never walked recursively.
type machine struct {
	in    *input
	stack []any
	marks []int // stack heights
	memo  map[uint64]any
	torch resolver
}

// unpickle returns the value of the pickle that in begins with, and leaves in behind it.
// Errors name the byte offset.
func unpickle(in *input, torch resolver) (any, error) {
	m := &machine{in: in, memo: make(map[uint64]any), torch: torch}
	for range maxSteps {
		start := in.at
		op, err := in.byte()
		if err != nil {
			return nil, fmt.Errorf("byte %d: the pickle ends without a STOP: %w", start, err)
		}
		if op == '.' {
			value, err := m.pop()
			if err != nil {
				return nil, fmt.Errorf("byte %d, opcode '.': %w", start, err)
			}
			return value, nil
		}
		err = m.step(op)
		if err == nil && len(m.stack) > maxStack {
			err = fmt.Errorf("more than %d values on the stack", maxStack)
		}
		if err != nil {
			return nil, fmt.Errorf("byte %d, opcode %q: %w", start, []byte{op}, err)
		}
	}
	return nil, fmt.Errorf("byte %d: a pickle of more than %d opcodes", in.at, maxSteps)
}

func (m *machine) step(op byte) error {
	switch op {
	case 0x80, 0x95:
		return m.frame(op)
	case 'q', 'r', 0x94, 'h', 'j':
		return m.memoise(op)
	case 'N', 0x88, 0x89, 'G':
		return m.scalar(op)
	case 'J', 'K', 'M', 0x8a:
		return m.integer(op)
	case 'X', 0x8c, 0x8d, 'T', 'U', 'B', 'C', 0x8e, 0x96:
		return m.text(op)
	case '}', ']', ')', 0x8f, '(':
		return m.begin(op)
	case 't', 0x85, 0x86, 0x87, 0x91, 'a', 'e', 's', 'u', 0x90:
		return m.collect(op)
	case 'c', 0x93, 'R', 'Q', 'b':
		return m.construct(op)
	}
	return fmt.Errorf("a weights file saved by torch.save does not need it; it is not executed")
}

// frame handles what says how the pickle is written.
func (m *machine) frame(op byte) error {
	if op == 0x95 { // FRAME: so many bytes may be read at once
		n, err := m.in.number(8)
		if err == nil && n > uint64(m.in.end-m.in.at) {
			err = fmt.Errorf("a frame of %d bytes, %d left", n, m.in.end-m.in.at)
		}
		return err
	}
	version, err := m.in.number(1) // PROTO
	if err == nil && (version < 2 || version > 5) {
		err = fmt.Errorf("pickle protocol %d; torch.save writes 2, and 5 at most if told to", version)
	}
	return err
}

// memoise handles the memo.
func (m *machine) memoise(op byte) error {
	key := uint64(len(m.memo))
	var err error
	switch op {
	case 'q', 'h': // BINPUT, BINGET
		key, err = m.in.number(1)
	case 'r', 'j': // LONG_BINPUT, LONG_BINGET
		key, err = m.in.number(4)
	}
	if err != nil {
		return err
	}
	if op == 'h' || op == 'j' {
		value, ok := m.memo[key]
		if !ok {
			return fmt.Errorf("memo %d was never set", key)
		}
		m.push(value)
		return nil
	}
	if len(m.stack) == m.floor() {
		return fmt.Errorf("nothing on the stack to memoise")
	}
	m.memo[key] = m.stack[len(m.stack)-1]
	return nil
}

// construct handles everything that names something outside the pickle.
func (m *machine) construct(op byte) error {
	switch op {
	case 'c': // GLOBAL
		module, err := m.in.line()
		if err != nil {
			return err
		}
		name, err := m.in.line()
		if err != nil {
			return err
		}
		return m.result(m.torch.global(module, name))
	case 'Q': // BINPERSID
		id, err := m.pop()
		if err != nil {
			return err
		}
		return m.result(m.torch.persistent(id))
	}
	pair, err := m.popN(2)
	if err != nil {
		return err
	}
	switch op {
	case 0x93: // STACK_GLOBAL
		module, ok1 := pair[0].(string)
		name, ok2 := pair[1].(string)
		if !ok1 || !ok2 || len(module) > maxName || len(name) > maxName {
			return fmt.Errorf("a class named by %s and %s", kind(pair[0]), kind(pair[1]))
		}
		return m.result(m.torch.global(module, name))
	case 'R': // REDUCE
		args, ok := pair[1].([]any)
		if !ok {
			return fmt.Errorf("a constructor called with %s", kind(pair[1]))
		}
		return m.result(m.torch.reduce(pair[0], args))
	}
	// BUILD: state_dict() hangs _metadata on the dict, which weights do not need.
	if _, ok := pair[0].(*dict); !ok {
		return fmt.Errorf("attributes set on %s", kind(pair[0]))
	}
	if _, ok := pair[1].(*dict); !ok {
		return fmt.Errorf("attributes given as %s", kind(pair[1]))
	}
	m.push(pair[0])
	return nil
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// result pushes what a resolver returned.
func (m *machine) result(v any, err error) error {
	m.push(v)
	return err
}

// floor is the stack height below which nothing may be popped: that of the innermost mark.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) pop() (any, error) {
	items, err := m.popN(1)
	if err != nil {
		return nil, err
	}
	return items[0], nil
}

// popN takes n values off the stack, in the order they were pushed; the slice is valid until the
// next push.
func (m *machine) popN(n int) ([]any, error) {
	at := len(m.stack) - n
	if at < m.floor() {
		return nil, fmt.Errorf("stack holds %d values, %d are needed", len(m.stack)-m.floor(), n)
	}
	items := m.stack[at:]
	m.stack = m.stack[:at]
	return items, nil
}

func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, fmt.Errorf("no mark on the stack")
	}
	items, err := m.popN(len(m.stack) - m.floor())
	m.marks = m.marks[:len(m.marks)-1]
	return items, err
}
