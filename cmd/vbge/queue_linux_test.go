package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metric returns the sum of a metric's values over the labels that are not given (name, value, ...): of a
// counter or gauge the value, of a histogram how often something was observed.
func (s server) metric(t *testing.T, name string, labels ...string) (sum float64) {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(s.get(t, "/metrics", http.StatusOK)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[name].GetMetric() {
		fits := 0
		for _, l := range m.GetLabel() {
			if i := slices.Index(labels, l.GetName()); i >= 0 && labels[i+1] == l.GetValue() {
				fits++
			}
		}
		if fits == len(labels)/2 {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// TestServeQueue has a device that waits long for a fuller batch, so that inputs stay in the queue: whose clients
// leave, or whose time ends, are never computed; a full queue answers at once.
func TestServeQueue(t *testing.T) {
	s := serve(t, "--model", tinyModel(t), "--uri", "", "--linger", "3s", "--max-queue", "4", "--max-items", "4", "--queue-timeout", "2s")
	waiting := func(inputs float64) func() bool {
		return func() bool { return s.metric(t, "vbge_queue_inputs") == inputs }
	}
	passes := s.metric(t, "vbge_pass_inputs") // of the test at the start

	for name, inputs := range map[string]string{"interactive": `"a"`, "bulk": `["a", "b", "c"]`} {
		body := `{"input": ` + inputs + `}`
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		await(t, "for the inputs to be queued", func() bool { return s.metric(t, "vbge_queue_inputs", "lane", name) > 0 })
		c.Close()
		await(t, "for the inputs of a client that has left to be dropped", waiting(0))
	}

	refused := func(status int, code, message, change string, header ...string) (retry string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodPost, s.url+"/v1/embeddings", strings.NewReader(`{"input": "a"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var reply struct {
			Error struct{ Code, Message, Change string }
		}
		if err := json.NewDecoder(response.Body).Decode(&reply); err != nil {
			t.Fatal(err)
		}
		if e := reply.Error; response.StatusCode != status || e.Code != code || e.Message != message || e.Change != change {
			t.Errorf("%s: %+v", response.Status, e)
		}
		return response.Header.Get("Retry-After")
	}
	refused(http.StatusGatewayTimeout, "request_timeout", "the request was not answered within 50ms",
		"ask for more time with X-Request-Timeout, send less, or start the server with a higher --request-timeout", "X-Request-Timeout", "50ms")
	await(t, "for the input to be dropped", waiting(0))

	late := make(chan string, 1)
	go func() {
		late <- refused(http.StatusServiceUnavailable, "queue_timeout", "the input waited for longer than --queue-timeout allows",
			"send the request again after Retry-After seconds; more servers or a longer --queue-timeout take more")
	}()
	await(t, "for an input to be queued", waiting(1))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.post(t, "/v1/embeddings", "application/json", []byte(`{"input": ["a", "b", "c"]}`), http.StatusServiceUnavailable)
	}()
	await(t, "for the queue to be full", waiting(4))
	retry := refused(http.StatusTooManyRequests, "queue_full", "as many inputs are waiting as --max-queue allows",
		"send the request again after Retry-After seconds; more servers or a larger --max-queue take more")
	if retry == "" || <-late == "" {
		t.Error("no Retry-After")
	}
	<-done

	if now := s.metric(t, "vbge_pass_inputs"); now != passes {
		t.Errorf("%v passes were computed for nobody", now-passes)
	}
	for code, requests := range map[string]float64{"client_gone": 2, "request_timeout": 1, "queue_timeout": 2, "queue_full": 1} {
		if n := s.metric(t, "vbge_http_errors_total", "code", code); n != requests {
			t.Errorf("%v requests are counted as %s, want %v", n, code, requests)
		}
	}
	s.stop(t)
}

// TestServeSharedBatches asks for golden vectors from many connections at once, in requests of all sizes and both
// lanes: whatever the neighbours in a batch, a vector is what it is alone, to within the engine's bound.
func TestServeSharedBatches(t *testing.T) {
	s := serve(t, "--model", tinyModel(t), "--uri", "", "--picture-cache-bytes", "0")
	var inputs []any
	var want [][]float32
	for _, v := range readGolden(t).vectors() {
		in := map[string]any{}
		if v.Image != "" {
			in["image"] = readFile(t, v.Image)
		}
		if v.Text != nil {
			if in["text"] = *v.Text; v.Image == "" && *v.Text == "" {
				continue
			}
		}
		inputs, want = append(inputs, in), append(want, v.Embedding)
	}
	ask := func(inputs []any, header http.Header) ([][]float32, error) {
		body, err := json.Marshal(map[string]any{"inputs": inputs, "truncate": true})
		if err != nil {
			return nil, err
		}
		request, err := http.NewRequest(http.MethodPost, s.url+"/embed", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header = header
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		reply, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %.200s: %w", response.Status, reply, err)
		}
		var vectors [][]float32
		err = json.Unmarshal(reply, &vectors)
		return vectors, err
	}
	alone := make([][]float32, len(inputs))
	for i, in := range inputs {
		got, err := ask([]any{in}, http.Header{"Content-Type": {"application/json"}})
		if err != nil {
			t.Fatal(err)
		}
		alone[i] = got[0]
		if d := largest(got[0], want[i]); d > 5e-6 {
			t.Errorf("input %d alone is %g from the original", i, d)
		}
	}
	passes := s.metric(t, "vbge_pass_inputs")
	var mu sync.Mutex
	worst, sent := 0.0, 0
	var clients sync.WaitGroup
	for client := range 12 {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(5, uint64(client)))
			order := r.Perm(len(inputs))[:len(inputs)/2]
			for len(order) > 0 {
				n := min(1+r.IntN(7), len(order))
				part := make([]any, n)
				for i, at := range order[:n] {
					part[i] = inputs[at]
				}
				lane := []string{"interactive", "bulk"}[r.IntN(2)]
				got, err := ask(part, http.Header{"Content-Type": {"application/json"}, "X-Priority": {lane}})
				if err != nil || len(got) != n {
					t.Errorf("%d vectors for %d inputs: %v", len(got), n, err)
					return
				}
				mu.Lock()
				sent += n
				for i, at := range order[:n] {
					worst = max(worst, largest(got[i], alone[at]))
				}
				mu.Unlock()
				order = order[n:]
			}
		})
	}
	clients.Wait()
	passes = s.metric(t, "vbge_pass_inputs") - passes
	t.Logf("%d inputs of 12 connections in %v passes: largest difference from the same alone %.2g, bound 2e-6", sent, passes, worst)
	if worst > 2e-6 {
		t.Errorf("largest difference %g", worst)
	}
	if passes > float64(sent)/2 {
		t.Errorf("%v passes for %d inputs: batches were not shared", passes, sent)
	}
	s.stop(t)
}
