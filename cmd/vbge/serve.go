package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/server/api"
	"vbge/server/transport"
)

// serveFlags are the flags of `vbge serve`.
type serveFlags struct {
	model     modelFlags
	catalog   catalogFlags
	rerank    rerankFlags
	transport transport.Options
	listen    string
	keys      string
	images    string
	items     string
	examples  string
	logFormat string
	maxItems  int
	queueTime time.Duration
	limits    []api.Limit // for /info
}

func newServe() *cobra.Command {
	f := serveFlags{transport: transport.DefaultOptions()}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Answer HTTP: embeddings, search with an explanation, a page to try it",
		Long: `Embeds pictures, texts, and pictures with an instruction that come over HTTP, in batches across
all connections; searches the catalogue of --uri; and shows a page to try it at /. The interface is
described at /docs and /openapi.yaml, the limits at /info.

SIGTERM and Ctrl-C finish what was accepted; SIGHUP reads --keys again.`,
		Example: "  vbge serve --model models/base --uri ./catalog.db --images images_folder",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			f.limits = limitsOf(c.Flags())
			return f.run(c.Context(), c.ErrOrStderr())
		},
	}
	f.model.add(c)
	f.catalog.add(c)
	c.Flags().Lookup("uri").Usage += `; "" serves embeddings alone`
	f.rerank.add(c)
	f.add(c)
	f.addEngine(c)
	f.addTransport(c)
	return c
}

func (f *serveFlags) add(c *cobra.Command) {
	s := c.Flags()
	s.StringVar(&f.listen, "listen", "127.0.0.1:8080", "address and port, or unix:PATH; port 0 is any free one")
	s.StringVar(&f.keys, "keys", "", "file of API keys, a line name:SHA-256 of the key in hex; without one nobody needs a key")
	s.StringSliceVar(&f.transport.CORSOrigins, "cors-origin", nil, "origins whose pages may use the server, or *; none by default")
	s.StringVar(&f.images, "images", "", "folder of the catalogue's pictures, which may then be seen by those who search")
	s.StringVar(&f.items, "items-dir", "", "folder to keep pictures in that are added over HTTP; without one there is no adding")
	s.StringVar(&f.examples, "examples", "", "JSON file of queries that the page offers to begin with: [{\"image\": path, \"text\": words}, ...]")
	s.StringVar(&f.logFormat, "log-format", "text", "of the log on standard error: text or json")
	s.IntVar(&f.maxItems, "max-items", 1024, "inputs of one request")
}

func (f *serveFlags) addEngine(c *cobra.Command) {
	s, o := c.Flags(), &f.model.options
	s.IntVar(&o.MaxQueue, "max-queue", engine.DefaultMaxQueue, "inputs that may wait; more are refused with a 429")
	s.DurationVar(&f.queueTime, "queue-timeout", 10*time.Second, "longest wait for a computation to begin; then a 503")
	s.Int64Var(&o.MaxDecodeBytes, "max-decode-bytes", engine.DefaultMaxDecodeBytes, "of pictures being decoded at once, to embed them and, as much again, for panoramas; a larger one is decoded alone")
	s.Int64Var(&o.PictureCacheBytes, "picture-cache-bytes", 256<<20, "pictures kept after the vision tower, for the next instruction; 0 keeps none")
	s.DurationVar(&o.Linger, "linger", 0, "that an idle device waits for a fuller batch")
}

func (f *serveFlags) addTransport(c *cobra.Command) {
	s, o := c.Flags(), &f.transport
	s.Int64Var(&o.MaxBodyBytes, "max-body-bytes", o.MaxBodyBytes, "of one request as it is sent")
	s.Int64Var(&o.MaxDecompressedBytes, "max-decompressed-bytes", o.MaxDecompressedBytes, "of one request that is sent compressed")
	s.Int64Var(&o.MaxBodyMemory, "max-body-memory", o.MaxBodyMemory, "of all requests in flight together; more are refused with a 429")
	s.IntVar(&o.MaxHeaderBytes, "max-header-bytes", o.MaxHeaderBytes, "of a request's line and headers")
	s.IntVar(&o.MaxConnections, "max-connections", o.MaxConnections, "open at once; more are refused with a 503")
	s.DurationVar(&o.HeaderTimeout, "header-timeout", o.HeaderTimeout, "for a request's headers")
	s.DurationVar(&o.BodyTimeout, "body-timeout", o.BodyTimeout, "for a request's body")
	s.DurationVar(&o.WriteTimeout, "write-timeout", o.WriteTimeout, "for a client to read its reply")
	s.DurationVar(&o.IdleTimeout, "idle-timeout", o.IdleTimeout, "for the next request on a connection")
	s.DurationVar(&o.RequestTimeout, "request-timeout", o.RequestTimeout, "for a reply, and the most that X-Request-Timeout may ask for")
	s.DurationVar(&o.ShutdownDelay, "shutdown-delay", o.ShutdownDelay, "that a server told to stop goes on while it says that it is not ready")
	s.DurationVar(&o.ShutdownTimeout, "shutdown-timeout", o.ShutdownTimeout, "for what was accepted to be finished after that")
}

// check refuses what cannot be, before a model is loaded.
func (f *serveFlags) check() error {
	if f.logFormat != "text" && f.logFormat != "json" {
		return fmt.Errorf("%w: --log-format %s: choose text or json", errUsage, f.logFormat)
	}
	if f.maxItems < 1 || f.maxItems > f.model.options.MaxQueue {
		return fmt.Errorf("%w: --max-items %d: choose from 1 to --max-queue, which is %d", errUsage, f.maxItems, f.model.options.MaxQueue)
	}
	if f.queueTime <= 0 {
		return fmt.Errorf("%w: --queue-timeout %v is not positive", errUsage, f.queueTime)
	}
	if f.items != "" && f.catalog.uri == "" {
		return fmt.Errorf("%w: --items-dir needs --uri: a picture is added to a catalogue", errUsage)
	}
	if f.items != "" {
		if err := f.model.needPictures("--items-dir"); err != nil {
			return err
		}
	}
	if f.keys != "" {
		keys, err := transport.ReadKeys(f.keys)
		if err != nil {
			return fmt.Errorf("%w: --keys: %w", errUsage, err)
		}
		f.transport.Keys = keys
	}
	if err := f.transport.Check(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return f.model.check()
}

func (f *serveFlags) logger(log io.Writer) *slog.Logger {
	if f.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(log, nil))
	}
	return slog.New(slog.NewTextHandler(log, nil))
}

// run serves until ctx is done.
func (f *serveFlags) run(ctx context.Context, out io.Writer) (err error) {
	began := time.Now()
	log := f.logger(out)
	f.transport.Log = log
	listener, err := listen(ctx, f.listen) // first, so that a port in use costs nothing
	if err != nil {
		return fmt.Errorf("%w: --listen %s: %w", errUsage, f.listen, err)
	}
	defer listener.Close()
	f.boundGarbage()
	s, err := f.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	server, err := transport.New(f.transport, s.routes)
	if err != nil {
		return err
	}
	s.server.Store(server)
	_ = s.health.Ready(ctx) // logs what it finds, and has the device compute once before anybody waits for it
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	defer watchKeys(hangup, f.transport.Keys, log)()
	log.Info("serving", "address", addressOf(listener), "device", s.engine.Device(), "precision", s.engine.Precision(),
		"because", s.engine.PrecisionReason(), "after", time.Since(began).Round(time.Millisecond))
	return server.Serve(ctx, listener)
}

// modelMemory is an allowance for the model and for what has no limit of its own.
const modelMemory = 1 << 30

// boundGarbage has garbage collected sooner where the limits are nearly used up: until then Go lets
// as much of it gather as there is memory in use. GOMEMLIMIT says otherwise.
func (f *serveFlags) boundGarbage() {
	o := &f.model.options
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(modelMemory + 2*f.transport.MaxBodyMemory + 2*o.MaxDecodeBytes + o.PictureCacheBytes)
	}
}

// watchKeys reads the keys again at each signal, until the function it returns is called.
func watchKeys(hangup <-chan os.Signal, keys *transport.Keys, log *slog.Logger) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-hangup:
			}
			if keys == nil {
				log.Warn("SIGHUP reads --keys again, and there are none")
			} else if err := keys.Reload(); err != nil {
				log.Error("the keys stay as they were", "error", err)
			} else {
				log.Info("the keys were read again")
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
