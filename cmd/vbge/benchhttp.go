package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbge/server/load"
)

// benchHTTP are the flags of `vbge bench http`.
type benchHTTP struct {
	model     modelFlags
	inProcess bool
	url       string
	keyFile   string
	kinds     map[string]int
	payload   string
	encoding  string
	body      string
	path      string
	requests  load.Requests
	load      load.Load
	rounds    int
	warmUp    time.Duration
	timeout   time.Duration
	start     uint64
	figures   []string
	fullSize  bool
	json      bool
}

func newBenchHTTP() *cobra.Command {
	var b benchHTTP
	c := &cobra.Command{
		Use:   "http",
		Short: "Measure a server under load, beside its engine",
		Long: `Sends pictures, texts and searches to a running vbge serve, and prints what comes back: the rate,
latencies, what failed, the server's batches, and where its time went. With --clients each client
waits for its reply before it asks again (closed loop); with --rate requests are due at a constant
rate whatever the server does, and a latency counts from the moment that its request was due.

With --in-process an engine in this process takes turns with the server, at the same requests: the
share of its rate that arrives over HTTP. It runs --model, which should be the server's.

With --figures named comparisons are made, each beside its goal:
  share      of the engine's rate over HTTP (needs the server's --model)
  overhead   of one request at a time (needs the server's --model)
  search     with picture and text, and with a changed instruction
  lanes      search while bulk work saturates the server
  encodings  bytes and processor time a vector, in each encoding
  overload   goodput and refusals at ten times what the server can do; it needs a short --max-queue`,
		Example: `  vbge bench http --clients 32 --kinds image=1,text=3 --payload 500 --time 10s
  vbge bench http --rate 100 --kinds text=1 --encoding float16 --json
  vbge bench http --clients 32 --kinds image=1 --in-process --model models/base`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if b.load.Rate > 0 && !c.Flags().Changed("clients") {
				b.load.Clients = 1024
			}
			return b.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	b.model.add(c)
	f := c.Flags()
	f.StringVar(&b.url, "url", "http://127.0.0.1:8080", "the server")
	f.StringVar(&b.keyFile, "key-file", "", "file with a key for the server")
	f.BoolVar(&b.inProcess, "in-process", false, "take turns with an engine in this process, of --model")
	f.StringToIntVar(&b.kinds, "kinds", map[string]int{"image": 1}, "weights of what is asked: "+join(load.Kinds))
	f.StringVar(&b.payload, "payload", "224", "size of the pictures: "+join(load.Payloads))
	f.BoolVar(&b.requests.Repeat, "repeat", false, "send the same few pictures again and again; otherwise no picture comes twice, so that no cache has it")
	f.IntVar(&b.requests.Inputs, "inputs", 1, "pictures or texts in one request to embed")
	f.StringVar(&b.encoding, "encoding", "base64", "of vectors in replies: "+join(load.Encodings))
	f.BoolVar(&b.requests.Raw, "raw", false, "send a picture as the body, not as base64 in JSON")
	f.StringVar(&b.requests.Priority, "priority", "", "lane to ask for: interactive, bulk; otherwise as the server chooses")
	f.StringVar(&b.body, "body", "", "send this file's JSON, always the same, in place of --kinds")
	f.StringVar(&b.path, "path", "/v1/embeddings", "where --body goes")
	f.IntVar(&b.load.Clients, "clients", 32, "requests under way at once; with --rate 1024, at most")
	f.Float64Var(&b.load.Rate, "rate", 0, "requests due each second; 0 is as many as --clients can send")
	f.DurationVar(&b.load.Time, "time", 10*time.Second, "of one round")
	f.IntVar(&b.rounds, "rounds", 1, "to measure")
	f.DurationVar(&b.warmUp, "warm-up", time.Second, "before the first round")
	f.DurationVar(&b.timeout, "timeout", time.Minute, "for one reply")
	f.Uint64Var(&b.start, "start", 0, "number of the first request, from which its picture and words follow; 0 is a new one each time")
	f.StringSliceVar(&b.figures, "figures", nil, "compare: "+strings.Join(load.FigureNames, ", "))
	f.BoolVar(&b.fullSize, "full-size", false, "the goals of --figures are those of the full-size model, not of the demo's")
	f.BoolVar(&b.json, "json", false, "print JSON")
	return c
}

func join[T ~string](names []T) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = string(name)
	}
	return strings.Join(words, ", ")
}

// complete makes of the flags what package load takes.
func (b *benchHTTP) complete() error {
	b.requests.Encoding = load.Encoding(b.encoding)
	mix := load.Mix{}
	for kind, weight := range b.kinds {
		mix[load.Kind(kind)] = weight
	}
	if b.body != "" {
		file, err := os.ReadFile(b.body)
		if err != nil {
			return fmt.Errorf("read --body: %w", err)
		}
		b.requests.Fixed, mix = load.Fixed{Path: b.path, JSON: file}, load.Mix{load.Body: 1}
	}
	if b.start == 0 {
		b.start = uint64(time.Now().UnixNano())
	}
	var err error
	if b.load.Source, err = load.NewSource(mix, b.start); err != nil {
		return fmt.Errorf("--kinds: %w", err)
	}
	if b.rounds < 1 || b.warmUp < 0 || b.timeout <= 0 {
		return errors.New("--rounds and --timeout are positive, --warm-up is not negative")
	}
	if err := errors.Join(b.requests.Check(), b.load.Check()); err != nil {
		return err
	}
	for _, name := range b.figures {
		if !slices.Contains(load.FigureNames, name) {
			return fmt.Errorf("--figures %s: choose of %s", name, strings.Join(load.FigureNames, ", "))
		}
	}
	b.requests.Pictures, err = load.NewPictures(load.Payload(b.payload))
	return err
}

// run measures and prints.
func (b *benchHTTP) run(ctx context.Context, out, log io.Writer) error {
	if err := b.complete(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	key, err := b.key()
	if err != nil {
		return err
	}
	server, err := load.NewHTTP(b.url, key, b.timeout, &b.requests)
	if err != nil {
		return fmt.Errorf("%w: --url: %w", errUsage, err)
	}
	var e load.Embedder
	if b.needsEngine() {
		own, err := b.model.open(log)
		if err != nil {
			return err
		}
		defer own.Close()
		e = own
	}
	if len(b.figures) > 0 {
		return b.measureFigures(ctx, key, e, out)
	}
	r, err := b.measure(ctx, server, e)
	if err != nil {
		return err
	}
	if err := b.print(r, out); err != nil {
		return err
	}
	return r.failed()
}

// needsEngine reports whether something is compared with an engine in this process.
func (b *benchHTTP) needsEngine() bool {
	return b.inProcess || slices.Contains(b.figures, "share") || slices.Contains(b.figures, "overhead")
}

func (b *benchHTTP) key() (string, error) {
	if b.keyFile == "" {
		return "", nil
	}
	file, err := os.ReadFile(b.keyFile)
	if err != nil {
		return "", fmt.Errorf("%w: read --key-file: %w", errUsage, err)
	}
	return strings.TrimSpace(string(file)), nil
}

// httpReport is what a run without --figures prints.
type httpReport struct {
	Server    load.Result  `json:"server"`
	InProcess *load.Result `json:"in_process,omitempty"`
	Rounds    []httpRound  `json:"rounds"`
	Share     float64      `json:"share,omitempty"` // of the engine's rate, over HTTP: the median of the rounds
}

// httpRound has the answers a second of one round.
type httpRound struct {
	Server    float64 `json:"server"`
	InProcess float64 `json:"in_process,omitempty"`
}

// failed is an error where requests were neither answered nor refused for lack of room.
func (r *httpReport) failed() error {
	outcomes := r.Server.Outcomes
	failed, replies := r.Server.FailedInputs, 0
	for outcome, n := range outcomes {
		switch outcome {
		case load.NoReply:
			failed += n
		case "200", "429", "503":
			replies += n
		default:
			failed, replies = failed+n, replies+n
		}
	}
	switch {
	case replies == 0:
		return fmt.Errorf("%w: %s", load.ErrNothing, r.Server.Example)
	case failed > 0:
		return fmt.Errorf("%w: %d requests or inputs; one of them: %s", errSomeFailed, failed, r.Server.Example)
	}
	return nil
}

// measure lets the server, and the engine if there is one, take turns.
func (b *benchHTTP) measure(ctx context.Context, server *load.HTTP, e load.Embedder) (*httpReport, error) {
	inProcess := load.InProcess{Engine: e, Requests: &b.requests}
	warm := b.load
	warm.Time, warm.Rate = b.warmUp, 0
	warm.Clients = min(warm.Clients, 32)
	if _, err := load.Run(ctx, server, warm); err != nil {
		return nil, err
	}
	if e != nil {
		if _, err := load.Run(ctx, inProcess, warm); err != nil {
			return nil, err
		}
	}
	var own, served []*load.Sample
	r := &httpReport{}
	var shares []float64
	for range b.rounds {
		var round httpRound
		if e != nil {
			s, err := load.Run(ctx, inProcess, b.load)
			if err != nil {
				return nil, err
			}
			own, round.InProcess = append(own, s), s.Rate()
		}
		s, err := load.Measure(ctx, server, b.load)
		if err != nil {
			return nil, err
		}
		served, round.Server = append(served, s), s.Rate()
		r.Rounds = append(r.Rounds, round)
		if round.InProcess > 0 {
			shares = append(shares, round.Server/round.InProcess)
		}
	}
	r.Server = load.Pool(served...).Result()
	if e != nil {
		result := load.Pool(own...).Result()
		r.InProcess = &result
	}
	if len(shares) > 0 {
		slices.Sort(shares)
		r.Share = shares[len(shares)/2]
	}
	return r, nil
}

func (b *benchHTTP) measureFigures(ctx context.Context, key string, e load.Embedder, out io.Writer) error {
	missed := 0
	f := load.Figures{Address: b.url, Key: key, Engine: e, Pictures: b.requests.Pictures, Clients: b.load.Clients,
		Time: b.load.Time, Rounds: b.rounds, Start: b.start, FullSize: b.fullSize}
	f.Put = func(y load.Figure) error {
		if !y.Met() {
			missed++
		}
		if b.json {
			return json.NewEncoder(out).Encode(y)
		}
		return printFigure(y, out)
	}
	for _, name := range b.figures {
		if err := f.Measure(ctx, name); err != nil {
			return err
		}
	}
	if missed > 0 {
		return fmt.Errorf("%w: %d goals are missed", errSomeFailed, missed)
	}
	return nil
}

// sortedKeys are those of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
