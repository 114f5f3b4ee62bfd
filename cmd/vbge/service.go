package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"vbge/engine"
	"vbge/engine/selftest"
	"vbge/server/api"
	"vbge/server/catalog"
	"vbge/server/health"
	"vbge/server/items"
	"vbge/server/metrics"
	"vbge/server/page"
	"vbge/server/search"
	"vbge/server/transport"
	"vbge/weights"
)

// service is all that answers requests, from the engine up to the routes.
type service struct {
	engine   *engine.Engine
	catalog  *catalog.Lasting // nil without --uri
	health   *health.Checker
	embedder *api.Embedder
	routes   []transport.Route
	server   atomic.Pointer[transport.Server] // that has the routes
}

const (
	// catalogWait is how long a start waits for Milvus: longer than a local .db takes. It goes on
	// without, and connects when it can.
	catalogWait = 1500 * time.Millisecond
	// catalogTimeout is for one call of a request to Milvus.
	catalogTimeout = 10 * time.Second
)

// open loads the model, opens the catalogue and puts the routes together.
func (f *serveFlags) open(ctx context.Context, log *slog.Logger) (s *service, err error) {
	s = &service{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	examples, err := f.openExamples()
	if err != nil {
		return s, err
	}
	m := metrics.New()
	f.model.options.OnPass, f.model.options.WarmUp = m.ObservePass, true
	if s.engine, err = f.model.load(); err != nil {
		return s, err
	}
	for _, caveat := range engine.Caveats(f.model.options.Device) {
		log.Warn(caveat)
	}
	name := filepath.Base(filepath.Clean(f.model.dir))
	m.ShowBuild(metrics.Build{Version: buildVersion(), Model: name, Device: s.engine.Device(), Precision: s.engine.Precision()})
	m.WatchEngine(s.engine.Stats)
	m.WatchServer(func() transport.Stats { return s.server.Load().Stats() })
	s.embedder = &api.Embedder{Engine: s.engine, QueueTimeout: f.queueTime, Observe: m.ObserveInput}
	f.transport.Observe = m.ObserveExchange

	services := api.Services{Embedder: s.embedder, Stopping: s.stopping}
	if err := f.openCatalog(ctx, s, &services, log); err != nil {
		return s, err
	}
	if err := f.openHealth(s, log); err != nil {
		return s, err
	}
	services.Health, s.embedder.Wrong = s.health, s.health.Wrong
	for i, l := range f.limits {
		if l.Flag == "--max-batch-tokens" { // whose default depends on the device
			f.limits[i].Value = s.engine.MaxBatchTokens()
		}
	}
	s.routes = append(api.Routes(api.Options{
		Model: name, Version: buildVersion(), MaxItems: f.maxItems, MaxImageBytes: f.model.options.Limits.MaxBytes,
		RerankModel: f.rerank.model, Limits: f.limits, NoItems: f.noItems(s.engine.Config()),
	}, services), m.Route())
	s.routes = append(s.routes, page.Routes(page.Options{Examples: examples})...)
	return s, nil
}

// openExamples reads what the page offers, and refuses pictures to begin with that the model does not take.
func (f *serveFlags) openExamples() ([]page.Example, error) {
	examples, err := readExamples(f.examples, f.model.options.Limits)
	if err != nil {
		return nil, fmt.Errorf("%w: --examples: %w", errUsage, err)
	}
	if slices.ContainsFunc(examples, func(e page.Example) bool { return e.File != nil }) {
		return examples, f.model.needPictures("--examples with pictures")
	}
	return examples, nil
}

// noItems returns why pictures cannot be added, "" if they can.
func (f *serveFlags) noItems(c weights.Config) string {
	switch {
	case !c.TakesPictures():
		return engine.ErrNoVision.Error()
	case f.items == "":
		return items.ErrReadOnly.Error()
	}
	return ""
}

func (s *service) stopping() bool { return s.server.Load().Stopping() }

// openCatalog opens what needs --uri: searching, and adding pictures.
func (f *serveFlags) openCatalog(ctx context.Context, s *service, services *api.Services, log *slog.Logger) error {
	if f.catalog.uri == "" {
		return nil
	}
	o, err := f.catalog.options()
	if err != nil {
		return err
	}
	o.Model, o.Dimension, o.Write, o.Timeout = s.engine.ModelID(), s.engine.Dimension(), true, catalogTimeout
	if s.catalog, err = catalog.OpenLasting(ctx, o, catalogWait, log); err != nil {
		return err
	}
	limits := f.model.options.Limits
	store, err := items.Open(items.Options{Dir: f.items, Images: f.images, Catalog: s.catalog, Embed: s.embedder.Bulk, MaxBytes: limits.MaxBytes})
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	services.Items = store
	pictures := search.NewPictures(store.OpenPath, limits, f.model.options.MaxDecodeBytes)
	searcher := &search.Searcher{Catalog: s.catalog, Decode: pictures.Decode, Open: pictures.Open}
	searcher.Reranker, searcher.NoRerank = f.rerank.open()
	services.Search = searcher
	return nil
}

// openHealth tests the engine with the vector that `vbge convert` kept.
func (f *serveFlags) openHealth(s *service, log *slog.Logger) error {
	o := health.Options{Engine: s.engine, Log: log}
	if s.catalog != nil {
		o.Catalog = s.catalog
	}
	if f.model.dir != randomModel {
		var err error
		if o.Kept, err = selftest.Read(f.model.dir, s.engine.ModelID()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	s.health = health.New(o)
	return nil
}

// close ends everything, the last first.
func (s *service) close() error {
	var err error
	if s.health != nil {
		s.health.Close()
	}
	if s.catalog != nil {
		err = s.catalog.Close()
	}
	if s.engine != nil {
		err = errors.Join(err, s.engine.Close())
	}
	return err
}

// shownLimits are the flags that /info shows, with the units of their values.
var shownLimits = []struct{ flag, unit string }{
	{"max-items", "inputs"}, {"max-image-bytes", "bytes"}, {"max-pixels", "pixels"},
	{"max-body-bytes", "bytes"}, {"max-decompressed-bytes", "bytes"}, {"max-body-memory", "bytes"}, {"max-header-bytes", "bytes"},
	{"max-connections", "connections"}, {"max-queue", "inputs"}, {"queue-timeout", ""}, {"max-batch-tokens", "tokens"},
	{"max-decode-bytes", "bytes"}, {"picture-cache-bytes", "bytes"}, {"linger", ""},
	{"header-timeout", ""}, {"body-timeout", ""}, {"write-timeout", ""}, {"idle-timeout", ""}, {"request-timeout", ""},
	{"shutdown-delay", ""}, {"shutdown-timeout", ""}, {"rerank-timeout", ""},
}

// limitsOf reads the limits off the flags, which say what each bounds.
func limitsOf(flags *pflag.FlagSet) []api.Limit {
	var all []api.Limit
	for _, l := range shownLimits {
		flag := flags.Lookup(l.flag)
		var value any = flag.Value.String()
		if number, err := strconv.ParseInt(flag.Value.String(), 10, 64); err == nil {
			value = number
		}
		all = append(all, api.Limit{Flag: "--" + l.flag, Value: value, Unit: l.unit, Meaning: flag.Usage})
	}
	return all
}
