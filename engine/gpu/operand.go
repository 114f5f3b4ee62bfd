package gpu

import "vbge/cuda"

// Space is a piece of device memory whose address the executor knows. A plan says where things
// stand in it, so that a plan can be made, tested and costed without a device.
type Space int

const (
	None       Space = iota
	Arena            // tensors that one segment alone uses; the next segment uses it again
	Handoff          // tensors that one segment leaves to a later one
	Staging          // what the host sends with each batch; offsets count from the segment's region
	Given            // tensors that the host sends with each batch, for any segment; nothing writes to them
	Results          // float32 outputs, until they are copied to the host
	Parameters       // weights and tables; the offset is the device address itself
)

// Place is an address: Offset bytes into Space. The zero Place means "none".
type Place struct {
	Space  Space
	Offset int64
}

// Operand is a matrix on the device. Rows is what a launch covers: the bucket, which is at least the
// rows that the pass has. Rows beyond those hold anything, also NaN, and reach no row that counts.
type Operand struct {
	Place
	Rows, Cols int
	Stride     int // values from one row to the next
	Type       cuda.Type
}

// linear is the Handle of an op.Linear: [out, in] of the storage type, rows stride values apart.
type linear struct {
	weight  uint64 // device address
	bias    uint64 // device address of [out] of the storage type; 0 for none
	out, in int
	stride  int
	kind    cuda.Type
}

func (l linear) weightBytes() int64 { return int64(l.out) * int64(l.stride) * int64(l.kind.Bytes()) }
func (l linear) biasBytes() int64   { return int64(l.out) * int64(l.kind.Bytes()) }

// table is the Handle of an op.Table: float32 [rows, cols], dense.
type table struct {
	at         uint64 // device address
	rows, cols int
}

func (t table) bytes() int64 { return 4 * int64(t.rows) * int64(t.cols) }

func (t table) place() Place { return Place{Space: Parameters, Offset: int64(t.at)} }

// rowValues is what strides are rounded up to, in values: rows begin at 16 bytes in every type.
const rowValues = 8

// vectorBytes is what kernels and products load at a time.
const vectorBytes = 16

// bytes returns what the operand's own values take, rows times columns.
func (o Operand) bytes() int64 { return int64(o.Rows) * int64(o.Cols) * int64(o.Type.Bytes()) }
