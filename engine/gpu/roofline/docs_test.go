//go:build !race

// With the race detector this is slow for nothing.

package roofline

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vbge/cuda"
	"vbge/engine/gpu"
	"vbge/weights"
)

var update = flag.Bool("update", false, "write the tables of docs/gpu.md")

const docs = "../../../docs/gpu.md"

// TestDocs holds the tables of docs/gpu.md against plans and predictions. A table stands between
// <!-- NAME --> and <!-- end -->.
func TestDocs(t *testing.T) {
	planner, err := NewPlanner(weights.Base(), cuda.BFloat16)
	if err != nil {
		t.Fatal(err)
	}
	d := document{t: t, planner: planner}
	tables := map[string]func() string{
		"layers": d.layers, "steps": d.steps, "passes": d.passes, "gpus": d.gpus, "memory": d.memory, "tei": d.tei,
	}
	// Another compiler, of a toolkit that is installed here, may need other registers.
	compiler, _ := os.Readlink("../../../third_party/native/cuda")
	reports, _ := filepath.Glob("../../../build/cuda/*.ptxas")
	if strings.HasPrefix(filepath.Base(compiler), "cuda-13.0-") && len(reports) > 0 {
		tables["registers"] = func() string { return d.registers(reports) }
	} else {
		t.Log("no build/cuda by the pinned compiler: the table of registers is not checked")
	}
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range tables {
		begin := "<!-- " + name + " -->\n"
		at := strings.Index(string(text), begin)
		if at < 0 {
			t.Errorf("docs/gpu.md has no table %s", name)
			continue
		}
		at += len(begin)
		end := at + strings.Index(string(text[at:]), "<!-- end -->")
		want := table()
		if *update {
			text = []byte(string(text[:at]) + want + string(text[end:]))
		} else if got := string(text[at:end]); got != want {
			t.Errorf("table %s of docs/gpu.md is not what the code says (go test ./engine/gpu/roofline -run Docs -update writes it):\n%swant\n%s", name, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(docs, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type document struct {
	t       *testing.T
	planner *Planner
}

func (d document) plan(kind string, batch int) *gpu.Plan {
	d.t.Helper()
	p, _, err := d.planner.Plan(kind, batch)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

func (d document) predict(kind string, batch int) Prediction {
	g, _ := Find("h100")
	return Predict(d.plan(kind, batch), g)
}

// markdown is a table in the making: the first line is its head, columns that hold numbers are right-aligned.
type markdown struct {
	bytes.Buffer
	columns int
}

func (m *markdown) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(m, "| %v ", c)
	}
	m.WriteString("|\n")
	if m.columns == 0 {
		m.columns = len(cells)
		m.WriteString("| --- |" + strings.Repeat(" ---: |", len(cells)-1) + "\n")
	}
}

// layers is one layer of each tower as the plan has it: the second, which is like all but the last of the text tower's.
func (d document) layers() string {
	var m markdown
	m.row("step", "reads", "writes")
	const batch, width = 8, 768
	plan := d.plan("image", batch)
	for i, tower := range []string{"picture tower", "text tower"} {
		s := plan.Segments[i].Steps
		m.row("**"+tower+"**", "", "")
		all, other := 0.0, 0.0
		for _, step := range layer(s) {
			c := gpu.CostOf(step)
			_, y := step.Operands()
			rows := float64(y.Rows)
			if _, ok := step.(gpu.Attention); ok { // the only cost that is of the batch's own rows
				rows = float64(c.Written) / (width * 2)
			}
			unit := rows * width * 2
			reads, writes := float64(c.Read)/unit, float64(c.Written)/unit
			m.row(gpu.NameOf(step), number(reads), number(writes))
			all += reads + writes
			switch step.(type) {
			case gpu.Product, gpu.Attention:
			default:
				other += reads + writes
			}
		}
		m.row("together", number(all), "")
		m.row("of that neither in products nor in attention", number(other), "")
	}
	return m.String()
}

// layer returns the steps from behind the first attention to the second, which is a layer's cycle.
func layer(steps []gpu.Step) []gpu.Step {
	var at []int
	for i, s := range steps {
		if _, ok := s.(gpu.Attention); ok {
			at = append(at, i)
		}
	}
	return steps[at[0]+1 : at[1]+1]
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// steps is every kind of step of a batch of pictures, for each picture.
func (d document) steps() string {
	const batch = 80
	r := d.predict("image", batch)
	var m markdown
	m.row("step", "launches", "MB a picture", "GFLOP a picture", "µs a picture", "of the time")
	share := func(part float64) string { return fmt.Sprintf("%.1f %%", 100*part/r.Time().Seconds()) }
	for _, row := range r.Rows {
		flops := fmt.Sprintf("%.2f", float64(row.Cost.MatrixFLOPs)/1e9/batch)
		if row.Cost.MatrixFLOPs == 0 {
			flops = fmt.Sprintf("(%.3f)", float64(row.Cost.FLOPs)/1e9/batch)
		}
		m.row(row.Name, row.Launches, fmt.Sprintf("%.2f", float64(row.Cost.Bytes())/1e6/batch), flops,
			fmt.Sprintf("%.2f", row.Time.Seconds()*1e6/batch), share(row.Time.Seconds()))
	}
	m.row("between launches", r.Launches, "", "", fmt.Sprintf("%.2f", r.Launching.Seconds()*1e6/batch), share(r.Launching.Seconds()))
	m.row("together", r.Launches, fmt.Sprintf("%.2f", float64(r.Cost.Bytes())/1e6/batch),
		fmt.Sprintf("%.2f", float64(r.Cost.MatrixFLOPs)/1e9/batch), fmt.Sprintf("%.2f", r.Time().Seconds()*1e6/batch), "100 %")
	return m.String()
}

// passes is whole batches on an H100.
func (d document) passes() string {
	var m markdown
	m.row("batch", "launches", "MB", "TFLOP", "ms", "a second", "of the peak", "other, from memory", "other, from cache")
	for _, kind := range []string{"image", "pair", "text"} {
		for _, batch := range []int{1, 8, 14, 32, 80} {
			r := d.predict(kind, batch)
			memory, cached := r.OtherShare()
			m.row(fmt.Sprintf("%d, %s", batch, kind), r.Launches, fmt.Sprintf("%.0f", float64(r.Cost.Bytes())/1e6),
				fmt.Sprintf("%.3f", float64(r.Cost.MatrixFLOPs)/1e12), fmt.Sprintf("%.2f", r.Time().Seconds()*1e3),
				fmt.Sprintf("%.0f", float64(batch)/r.Time().Seconds()), fmt.Sprintf("%.0f %%", 100*r.Utilisation()),
				fmt.Sprintf("%.1f %%", 100*memory), fmt.Sprintf("%.1f %%", 100*cached))
		}
	}
	return m.String()
}

// gpus is the predicted rates on every device.
func (d document) gpus() string {
	var m markdown
	m.row("device", "TFLOP/s", "GB/s", "pictures", "pairs", "texts", "other, from memory", "source of the figures")
	for _, g := range GPUs() {
		rate := func(kind string, batch int) string {
			return fmt.Sprintf("%.0f", float64(batch)/Predict(d.plan(kind, batch), g).Time().Seconds())
		}
		memory, _ := Predict(d.plan("image", 80), g).OtherShare()
		m.row(g.Name, number(g.MatrixTFLOPs), g.BandwidthGBs, rate("image", 80), rate("pair", 80), rate("text", 512), fmt.Sprintf("%.1f %%", 100*memory), g.Source)
	}
	return m.String()
}

// memory is what the device holds, by tokens of a batch.
func (d document) memory() string {
	var m markdown
	m.row("batch", "arena", "from tower to tower", "staging", "results")
	for _, batch := range []int{1, 8, 32, 80} {
		p := d.plan("pair", batch)
		staging := int64(0)
		for _, s := range p.Segments {
			staging += s.Input.Bytes
		}
		mb := func(b int64) string { return fmt.Sprintf("%.1f MB", float64(b)/1e6) }
		m.row(fmt.Sprintf("pairs: %d", batch), mb(p.Arena), mb(p.Handoff), mb(staging), mb(p.Results))
	}
	m.row("weights and tables", fmt.Sprintf("%.0f MB", float64(d.planner.Parameters())/1e6), "", "", "")
	return m.String()
}

// structure is how often a text tower launches and what it moves: activations in bytes, and products.
type structure struct {
	launches int
	moved    float64
	flops    float64
}

// teiText is what text-embeddings-inference's FlashBERT does with the same weights: see docs/gpu.md for where
// each number was read. Activations are counted as gpu.Cost counts them.
func teiText(c weights.Config, sequences, length int) structure {
	tokens, h := float64(sequences*length), float64(c.Text.Hidden)
	ratio := float64(c.Text.Intermediate) / h
	const (
		embedding = 3*2 + 3 + 3 // three index_selects, an addition, addition and norm
		qkv       = 1 + 3
		attention = 3 + 1
		dense     = 1 + 1
		norm      = 2 + 1 // with the residual's addition
	)
	mlp := (1 + ratio) + (ratio + 1)
	layers := float64(c.Text.Layers)
	return structure{
		launches: 3 + 1 + 1 + 7*c.Text.Layers + 1,
		moved:    2 * h * (tokens*(embedding+layers*(qkv+attention+dense+2*norm+mlp)) + 2*float64(sequences)),
		flops:    layers * tokens * (2*h*h*(4+2*ratio) + 4*float64(length)*h),
	}
}

// oursText is the text tower's segment of a plan, without what its bucket adds: all but attention and
// the assemblies is counted by rows of the bucket.
func oursText(p *gpu.Plan) structure {
	steps := p.Segments[len(p.Segments)-1].Steps
	s := structure{launches: len(steps)}
	for _, step := range steps {
		c := gpu.CostOf(step)
		s.moved += float64(c.Read + c.Written)
		s.flops += float64(c.MatrixFLOPs)
	}
	return s
}

func (d document) tei() string {
	var m markdown
	m.row("sequences", "launches, TEI's", "ours", "MB of activations, TEI's", "ours", "GFLOP, TEI's", "ours")
	for _, c := range []struct {
		kind          string
		batch, length int
	}{{"text", 1, 16}, {"text", 32, 16}, {"text", 512, 16}, {"image", 8, 198}, {"image", 80, 198}} {
		tei, ours := teiText(weights.Base(), c.batch, c.length), oursText(d.plan(c.kind, c.batch))
		m.row(fmt.Sprintf("%d of %d tokens", c.batch, c.length), tei.launches, ours.launches,
			fmt.Sprintf("%.1f", tei.moved/1e6), fmt.Sprintf("%.1f", ours.moved/1e6),
			fmt.Sprintf("%.1f", tei.flops/1e9), fmt.Sprintf("%.1f", ours.flops/1e9))
	}
	return m.String()
}

// used are the kernels that the full-size model launches in bfloat16, and the threads of their blocks.
var used = []struct {
	name    string
	threads int
}{
	{"patches_bf16", 256}, {"assemble_bf16", 256}, {"assemble_norm_bf16_768", 256}, {"layer_norm_bf16_768", 256},
	{"attention_bf16_64_rotary", 128}, {"attention_bf16_64", 128}, {"swiglu_norm_bf16_2048", 256}, {"gelu_bf16", 256},
	{"layer_norm_normalise_bf16_1024", 256},
}

// registers is what ptxas says of the kernels in use, and how many blocks of them fit on a multiprocessor.
func (d document) registers(reports []string) string {
	type key struct {
		kernel       string
		architecture int
	}
	type usage struct{ registers, shared int }
	found := map[key]usage{}
	entry := regexp.MustCompile(`Compiling entry function '(\w+)' for 'sm_(\d+)'[\s\S]*?Used (\d+) registers(?:.*?(\d+) bytes smem)?`)
	for _, report := range reports {
		text, err := os.ReadFile(report)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, f := range entry.FindAllStringSubmatch(string(text), -1) {
			architecture, _ := strconv.Atoi(f[2])
			registers, _ := strconv.Atoi(f[3])
			shared, _ := strconv.Atoi(f[4])
			found[key{f[1], architecture}] = usage{registers, shared}
		}
	}
	var m markdown
	architectures := []int{80, 89, 90}
	head := []any{"kernel", "threads", "shared memory"}
	for _, a := range architectures {
		head = append(head, fmt.Sprintf("sm_%d registers", a), "warps")
	}
	m.row(head...)
	for _, k := range used {
		row := []any{"`" + k.name + "`", k.threads, fmt.Sprintf("%d B", found[key{k.name, 90}].shared)}
		for _, a := range architectures {
			u, ok := found[key{k.name, a}]
			if !ok {
				d.t.Errorf("ptxas did not report on %s for sm_%d", k.name, a)
				continue
			}
			row = append(row, u.registers, fmt.Sprintf("%d of %d", resident(a, k.threads, u.registers, u.shared), warps(a)))
		}
		m.row(row...)
	}
	return m.String()
}

func warps(architecture int) int {
	if architecture == 89 {
		return 48
	}
	return 64
}

// resident returns the warps of a kernel that a multiprocessor holds, by the CUDA programming guide's limits:
// 65536 registers in four parts, given in 256s to whole warps, and shared memory with 1 KiB for the system.
func resident(architecture, threads, registers, shared int) int {
	memory := map[int]int{80: 164 << 10, 89: 100 << 10, 90: 228 << 10}[architecture]
	each := threads / 32
	byRegisters := 65536 / 4 / ((registers*32 + 255) / 256 * 256) * 4 / each
	byShared := memory / ((shared + 1024 + 127) / 128 * 128)
	return min(warps(architecture)/each, byRegisters, byShared) * each
}
