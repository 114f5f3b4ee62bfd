package pth

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

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
	// maxSteps bounds the opcodes, and with them memory: a full-size state_dict takes 25,000.
	maxSteps = 1 << 20
)

// machine runs the opcodes of pickle protocol 2 that torch.save writes
// (https://github.com/python/cpython/blob/3.11/Lib/pickletools.py describes each).
// An opcode allocates at most a constant, or what it takes off the stack, so memory is bounded
// by a constant times the pickle's length; values are never walked recursively.
type machine struct {
	data  []byte
	at    int
	stack []any
	marks []int // stack heights
	memo  map[uint32]any
	torch resolver
}

// unpickle returns the value of the first pickle in data and how many bytes it took.
// Errors name the byte offset.
func unpickle(data []byte, torch resolver) (value any, n int, err error) {
	m := &machine{data: data, memo: make(map[uint32]any), torch: torch}
	for range maxSteps {
		start := m.at
		op, err := m.bytes(1)
		if err != nil {
			return nil, 0, fmt.Errorf("pickle ends at byte %d without a STOP", start)
		}
		if op[0] == '.' {
			value, err = m.pop()
		} else {
			err = m.step(op[0])
		}
		if err != nil {
			return nil, 0, fmt.Errorf("pickle byte %d, opcode %q: %w", start, op[0], err)
		}
		if op[0] == '.' {
			return value, m.at, nil
		}
	}
	return nil, 0, fmt.Errorf("pickle of more than %d opcodes", maxSteps)
}

func (m *machine) step(op byte) error {
	switch op {
	case 0x80, 'q', 'r', 'h', 'j':
		return m.memoise(op)
	case 'N', 0x88, 0x89, 'J', 'K', 'M', 0x8a, 'G', 'X':
		return m.scalar(op)
	case '}', ']', ')', '(', 't', 0x85, 0x86, 0x87, 'a', 'e', 's', 'u':
		return m.collect(op)
	case 'c', 'R', 'Q', 'b':
		return m.construct(op)
	}
	return fmt.Errorf("a weights file saved by torch.save does not need it; it is not executed")
}

// memoise handles PROTO and the memo.
func (m *machine) memoise(op byte) error {
	width := 1
	if op == 'r' || op == 'j' {
		width = 4
	}
	arg, err := m.bytes(width)
	if err != nil {
		return err
	}
	key := uint32(arg[0])
	if width == 4 {
		key = binary.LittleEndian.Uint32(arg)
	}
	switch op {
	case 0x80: // PROTO
		if key != 2 {
			return fmt.Errorf("pickle protocol %d; torch.save writes 2 unless told otherwise", key)
		}
	case 'q', 'r': // BINPUT, LONG_BINPUT
		if len(m.stack) == m.floor() {
			return fmt.Errorf("nothing on the stack to memoise")
		}
		m.memo[key] = m.stack[len(m.stack)-1]
	case 'h', 'j': // BINGET, LONG_BINGET
		value, ok := m.memo[key]
		if !ok {
			return fmt.Errorf("memo %d was never set", key)
		}
		m.push(value)
	}
	return nil
}

// scalar handles the opcodes that push one plain value.
func (m *machine) scalar(op byte) error {
	switch op {
	case 'N':
		m.push(none{})
		return nil
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		m.push(op == 0x88)
		return nil
	case 'X': // BINUNICODE
		text, err := m.counted(4)
		if err != nil {
			return err
		}
		if !utf8.Valid(text) {
			return fmt.Errorf("a string that is no UTF-8")
		}
		m.push(string(text))
		return nil
	case 'G': // BINFLOAT, the one big-endian number
		arg, err := m.bytes(8)
		if err != nil {
			return err
		}
		m.push(math.Float64frombits(binary.BigEndian.Uint64(arg)))
		return nil
	case 0x8a: // LONG1
		arg, err := m.counted(1)
		if err != nil {
			return err
		}
		return m.integer(arg, true)
	}
	width := map[byte]int{'J': 4, 'K': 1, 'M': 2}[op]
	arg, err := m.bytes(width)
	if err != nil {
		return err
	}
	return m.integer(arg, op == 'J')
}

// integer pushes a little-endian integer, in two's complement where signed.
func (m *machine) integer(b []byte, signed bool) error {
	if len(b) > 8 {
		return fmt.Errorf("an integer of %d bytes", len(b))
	}
	var word [8]byte
	if signed && len(b) > 0 && b[len(b)-1] >= 0x80 {
		word = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(word[:], b)
	m.push(int64(binary.LittleEndian.Uint64(word[:])))
	return nil
}

// collect handles marks, tuples, lists and dicts.
func (m *machine) collect(op byte) error {
	switch op {
	case '}':
		m.push(&dict{})
	case ']':
		m.push(&list{})
	case ')':
		m.push([]any{})
	case '(':
		if len(m.marks) == maxMarks {
			return fmt.Errorf("more than %d levels deep", maxMarks)
		}
		m.marks = append(m.marks, len(m.stack))
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		items, err := m.popN(int(op-0x85) + 1)
		if err != nil {
			return err
		}
		m.push(items)
	case 'a', 's': // APPEND, SETITEM
		n := 1
		if op == 's' {
			n = 2
		}
		items, err := m.popN(n)
		if err != nil {
			return err
		}
		return m.extend(items, op == 's')
	default: // TUPLE, APPENDS, SETITEMS
		items, err := m.popMark()
		if err != nil {
			return err
		}
		if op == 't' {
			m.push(items)
			return nil
		}
		return m.extend(items, op == 'u')
	}
	return nil
}

// extend puts items into the list or dict on top of the stack.
func (m *machine) extend(items []any, pairs bool) error {
	if len(m.stack) == m.floor() {
		return fmt.Errorf("nothing on the stack to fill")
	}
	switch target := m.stack[len(m.stack)-1].(type) {
	case *list:
		if pairs {
			return fmt.Errorf("key and value set on a list")
		}
		target.items = append(target.items, items...)
	case *dict:
		if !pairs || len(items)%2 != 0 {
			return fmt.Errorf("a dict given %d items that are no pairs", len(items))
		}
		for i := 0; i < len(items); i += 2 {
			if err := target.set(items[i], items[i+1]); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("items added to %s", kind(target))
	}
	return nil
}

// construct handles everything that names something outside the pickle.
func (m *machine) construct(op byte) error {
	var value any
	var err error
	switch op {
	case 'c': // GLOBAL
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		if value, err = m.torch.global(module, name); err != nil {
			return err
		}
	case 'R': // REDUCE
		pair, err := m.popN(2)
		if err != nil {
			return err
		}
		args, ok := pair[1].([]any)
		if !ok {
			return fmt.Errorf("a constructor called with %s", kind(pair[1]))
		}
		if value, err = m.torch.reduce(pair[0], args); err != nil {
			return err
		}
	case 'Q': // BINPERSID
		id, err := m.pop()
		if err != nil {
			return err
		}
		if value, err = m.torch.persistent(id); err != nil {
			return err
		}
	case 'b': // BUILD: state_dict() hangs _metadata on the dict, which weights do not need
		if _, err = m.pop(); err != nil {
			return err
		}
		if value, err = m.pop(); err != nil {
			return err
		}
		if _, ok := value.(*dict); !ok {
			return fmt.Errorf("attributes set on %s", kind(value))
		}
	}
	m.push(value)
	return err
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

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

// popN takes n values off the stack, in the order they were pushed, into a slice of their own.
func (m *machine) popN(n int) ([]any, error) {
	at := len(m.stack) - n
	if at < m.floor() {
		return nil, fmt.Errorf("stack holds %d values, %d are needed", len(m.stack)-m.floor(), n)
	}
	items := append([]any(nil), m.stack[at:]...)
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

func (m *machine) bytes(n int) ([]byte, error) {
	if n > len(m.data)-m.at {
		return nil, fmt.Errorf("%d bytes needed, %d left", n, len(m.data)-m.at)
	}
	m.at += n
	return m.data[m.at-n : m.at], nil
}

// counted reads a byte string that follows its own length of the given width.
func (m *machine) counted(width int) ([]byte, error) {
	prefix, err := m.bytes(width)
	if err != nil {
		return nil, err
	}
	var word [4]byte
	copy(word[:], prefix)
	n := binary.LittleEndian.Uint32(word[:])
	if uint64(n) > uint64(len(m.data)-m.at) {
		return nil, fmt.Errorf("%d bytes needed, %d left", n, len(m.data)-m.at)
	}
	return m.bytes(int(n))
}

// line reads up to a newline; names of modules and classes are short.
func (m *machine) line() (string, error) {
	rest := m.data[m.at:min(len(m.data), m.at+256)]
	line, _, ok := strings.Cut(string(rest), "\n")
	if !ok {
		return "", fmt.Errorf("a name without an end, or longer than 255 bytes")
	}
	m.at += len(line) + 1
	return line, nil
}
