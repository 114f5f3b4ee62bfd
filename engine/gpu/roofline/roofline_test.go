package roofline

import (
	"math"
	"testing"
	"time"

	"vbge/cuda"
	"vbge/engine/gpu"
	"vbge/weights"
)

func TestNamed(t *testing.T) {
	for name, key := range map[string]string{
		"NVIDIA H100 80GB HBM3": "h100", "NVIDIA H200": "h200", "NVIDIA A100-SXM4-80GB": "a100", "NVIDIA L4": "l4",
		"NVIDIA H100 PCIe": "", "NVIDIA A100-SXM4-40GB": "", "NVIDIA L40": "", "": "", // other figures
	} {
		g, ok := Named(name)
		if g.Key != key || ok != (key != "") {
			t.Errorf("%q is %q, want %q", name, g.Key, key)
		}
		if found, _ := Find(g.Key); ok && found.Name != g.Name {
			t.Errorf("--gpu %s finds %q, want %q", g.Key, found.Name, g.Name)
		}
	}
}

func TestLimit(t *testing.T) {
	g := GPU{MatrixTFLOPs: 100, BandwidthGBs: 1000}
	for _, c := range []struct {
		bytes, flops int64
		want         time.Duration
	}{{0, 0, 0}, {1e9, 0, time.Millisecond}, {0, 1e11, time.Millisecond}, {1e9, 2e11, 2 * time.Millisecond}, {3e9, 2e11, 3 * time.Millisecond}} {
		if got := g.Limit(c.bytes, c.flops); got != c.want {
			t.Errorf("%d bytes, %d FLOPs: %v, want %v", c.bytes, c.flops, got, c.want)
		}
	}
}

// TestPrediction holds sums against the model's own arithmetic: 24 x 768^2 FLOPs a token and layer in
// products, and 4 x 768 for each pair of tokens in attention.
func TestPrediction(t *testing.T) {
	planner, err := NewPlanner(weights.Base(), cuda.BFloat16)
	if err != nil {
		t.Fatal(err)
	}
	const batch, d = 16, 768 // a bucket of pictures
	plan, tokens, err := planner.Plan("image", batch)
	if err != nil {
		t.Fatal(err)
	}
	if tokens != batch*198 {
		t.Errorf("%d tokens, want %d", tokens, batch*198)
	}
	g, _ := Find("h100")
	r := Predict(plan, g)

	text := float64(gpu.Bucket(tokens)) * d * d
	pooled := float64(gpu.BucketSequences(batch)) * d * d
	products := float64(batch*197)*12*24*d*d + float64(batch*196)*2*2*d*d // blocks; patches in and out
	products += text*(11*24+4) + pooled*20                                // of the last layer keys and values are for all
	scores := float64(12*batch*197*197 + 11*batch*198*198 + batch*198)
	if got, want := float64(r.Cost.MatrixFLOPs), products+4*d*scores; math.Abs(got/want-1) > 1e-9 {
		t.Errorf("%.6g matrix FLOPs, want %.6g", got, want)
	}
	launches, sum := 0, gpu.Cost{}
	took := time.Duration(0)
	for _, row := range r.Rows {
		launches += row.Launches
		sum = sum.Plus(row.Cost)
		took += row.Time
	}
	if launches != r.Launches || sum != r.Cost || took != r.Computing() || r.Time() != took+time.Duration(launches)*LaunchTime {
		t.Errorf("rows of %d launches, %v, %v; together %d, %v, %v", launches, sum, took, r.Launches, r.Cost, r.Computing())
	}
	memory, cached := r.OtherShare()
	if !(0 < cached && cached <= memory && memory < 1) || !(0 < r.Utilisation() && r.Utilisation() < ProductShare) {
		t.Errorf("other %.3f, cached %.3f, utilisation %.3f", memory, cached, r.Utilisation())
	}
}

// TestParameters: the plan of memory counts every weight once in bfloat16 and tables in float32; the last text
// layer's projection to queries, keys and values is two products there.
func TestParameters(t *testing.T) {
	planner, err := NewPlanner(weights.Base(), cuda.BFloat16)
	if err != nil {
		t.Fatal(err)
	}
	const d, m, h = 768, 2048, 3072
	block := 4*d*d + 4*d + 3*m*d + 2*m + d
	layer := 4*d*d + 4*d + 2*h*d + h + d
	linear := d*d + d + d*d + d + 12*block + 12*layer
	vectors := 12*(2*3*d+2*m) + 12*4*d + 2*d // norms: norm1, inner, norm2, ffn; two a text layer; the embeddings'
	tables := vectors + d + 197*d + 2*197*64 + (30522+2+512)*d
	if got, want := planner.Parameters(), int64(2*linear+4*tables); got != want {
		t.Errorf("%d bytes of parameters, want %d", got, want)
	}
}
