package wire

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"vbge/server/fault"
)

// unit returns a vector of unit length.
func unit(random *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	sum := 0.0
	for i := range v {
		v[i] = float32(random.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// awkward has float32's extremes and what formatting tends to get wrong.
var awkward = []float32{0, float32(math.Copysign(0, -1)), 1, -1, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32,
	1.17549435e-38, 1.1754942e-38, 0.1, 1.0 / 3, 1e-4, 9.999999e-5, 1e20, 1e21, 1e22, 16777216, 16777217, 8388608.5, 123456.79, 5e-324}

func bits(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Errorf("value %d: %v, want %v", i, got[i], want[i])
		}
	}
}

// openAIReply is what OpenAI documents, and error besides.
type openAIReply struct {
	Object string `json:"object"`
	Data   []struct {
		Object    string          `json:"object"`
		Index     int             `json:"index"`
		Embedding json.RawMessage `json:"embedding"`
		Error     map[string]any  `json:"error"`
	} `json:"data"`
	Model string         `json:"model"`
	Usage map[string]int `json:"usage"`
}

func TestAppendOpenAI(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 2))
	vectors := []Vector{
		{Embedding: unit(random, 768), Tokens: 198},
		{Err: fault.New(http.StatusBadRequest, "empty_item", "a \"message\" <&>\xff\n", "change").At("/input/1"), Tokens: 1000},
		{Embedding: awkward, Tokens: 2},
		{Err: emptyImage()},
	}
	for _, e := range []Encoding{Float, Base64} {
		text := AppendOpenAI([]byte("before "), "a \"model\" \xff", e, vectors)
		var reply openAIReply
		decoder := json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(text), "before ")))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&reply); err != nil {
			t.Fatal(err)
		}
		if reply.Object != "list" || reply.Model != "a \"model\" \ufffd" || len(reply.Data) != 4 || reply.Usage["prompt_tokens"] != 200 || reply.Usage["total_tokens"] != 200 {
			t.Errorf("%s: %+v", e, reply)
		}
		for i, d := range reply.Data {
			if d.Object != "embedding" || d.Index != i {
				t.Errorf("%s: item %d is %s %d", e, i, d.Object, d.Index)
			}
			if failed := i%2 == 1; failed != (string(d.Embedding) == "null") || failed != (d.Error != nil) {
				t.Errorf("%s: item %d: %s with error %v", e, i, d.Embedding, d.Error)
			}
		}
		bits(t, embedding(t, e, reply.Data[0].Embedding), vectors[0].Embedding)
		bits(t, embedding(t, e, reply.Data[2].Embedding), awkward)
		want := map[string]any{"code": "empty_item", "message": "a \"message\" <&>\ufffd\n", "change": "change", "type": "invalid_request_error", "param": "/input/1"}
		for name, value := range want {
			if reply.Data[1].Error[name] != value {
				t.Errorf("%s of the error is %q, want %q", name, reply.Data[1].Error[name], value)
			}
		}
	}
}

// embedding reads one as clients do: with encoding/json, or encoding/base64 and encoding/binary.
func embedding(t *testing.T, e Encoding, text json.RawMessage) (values []float32) {
	t.Helper()
	if e == Float {
		if err := json.Unmarshal(text, &values); err != nil {
			t.Fatal(err)
		}
		return values
	}
	var coded string
	if err := json.Unmarshal(text, &coded); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(coded)
	if err != nil {
		t.Fatal(err)
	}
	values = make([]float32, len(raw)/4)
	if _, err := binary.Decode(raw, binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	return values
}

// The exact text, so that no reader has to be trusted.
func TestAppendOpenAIExactly(t *testing.T) {
	got := string(AppendOpenAI(nil, "m", Float, []Vector{{Embedding: []float32{0.6, -0.8}, Tokens: 4}, {Embedding: []float32{1e-7, 1}, Tokens: 3}}))
	want := `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.6,-0.8]},{"object":"embedding","index":1,"embedding":[1e-07,1]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	got = string(AppendOpenAI(nil, "", Base64, []Vector{{Embedding: []float32{1, -2}}}))
	want = `{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAMA="}],"model":"","usage":{"prompt_tokens":0,"total_tokens":0}}`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestAppendTEI(t *testing.T) {
	got := string(AppendTEI(nil, []Vector{{Embedding: []float32{0.5, 0}}, {Err: emptyItem()}, {Err: emptyImage()}, {Embedding: []float32{1, 0}}}))
	if want := `[[0.5,0],null,null,[1,0]]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := string(AppendTEI(nil, nil)); got != "[]" {
		t.Errorf("no vectors: %s", got)
	}
}

// A million random float32 of all magnitudes have the digits that encoding/json writes, no more, and
// read back as themselves.
func TestNumbersAgreeWithEncodingJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 3))
	values := make([]float32, 1_000_000)
	for i := range values {
		bits := random.Uint32()
		for bits&0x7f800000 == 0x7f800000 { // NaN and infinities
			bits = random.Uint32()
		}
		values[i] = math.Float32frombits(bits)
	}
	ours := appendFloats(nil, values)
	var back []float32
	if err := json.Unmarshal(ours, &back); err != nil {
		t.Fatal(err)
	}
	bits(t, back, values)
	theirs, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	a, b := strings.Split(string(ours), ","), strings.Split(string(theirs), ",")
	for i := range a {
		if digits(a[i]) != digits(b[i]) {
			t.Fatalf("%s has other digits than encoding/json's %s", a[i], b[i])
		}
	}
}

// digits returns a number's significant digits.
func digits(number string) string {
	mantissa, _, _ := strings.Cut(strings.Trim(number, "[]-"), "e")
	return strings.Trim(strings.Replace(mantissa, ".", "", 1), "0")
}
