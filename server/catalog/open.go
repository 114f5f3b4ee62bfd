package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
)

// DefaultCollection is the tutorial's.
const DefaultCollection = "multimodal_rag_demo"

const (
	dialTimeout    = 10 * time.Second
	defaultTimeout = time.Minute
)

// Options say which collection to open, and for which model.
type Options struct {
	URI        string        // a local .db file, http://host:19530, or https://host
	Token      string        // of a server, also in the form user:password; "" for none
	Collection string        // "" is DefaultCollection
	Model      string        // id of the model; "" opens the collection of any model
	Dimension  int           // of the model's vectors; 0 opens any
	Write      bool          // for indexing: make the collection if it does not exist; needs Model and Dimension
	Binary     string        // milvus-lite executable for a .db; "" is FindBinary()
	Timeout    time.Duration // of each call; 0 is one minute

	lasting bool // for Lasting: what another made opens for searching though Write is set, and no call is tried twice
}

// milvus implements Catalog with the SDK.
type milvus struct {
	client  client.Client
	lite    *lite // nil for a server
	timeout time.Duration
	info    Info
	key     key
	merges  bool     // Upsert is not what writes a whole row, see merges.go
	output  []string // fields that a search fetches

	close func() error
}

// Open connects to Milvus, starting it for a local .db, and opens the
// collection. A collection of another model is refused with ErrOtherModel, one
// with vectors of another length with ErrDimension, a missing one with
// ErrNoCollection unless Options.Write is set.
func Open(ctx context.Context, o Options) (Catalog, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	m, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (o Options) complete() (Options, error) {
	o.Collection = cmp.Or(o.Collection, DefaultCollection)
	if o.Write && (o.Model == "" || o.Dimension <= 0) {
		return o, fmt.Errorf("catalog: %w: indexing needs the model's id and dimension", ErrInvalid)
	}
	return o, nil
}

func open(ctx context.Context, o Options) (*milvus, error) {
	m, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := m.openCollection(ctx, o); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// connect returns a milvus without a collection yet.
func connect(ctx context.Context, o Options) (*milvus, error) {
	where, err := parseURI(o.URI)
	if err != nil {
		return nil, err
	}
	m := &milvus{timeout: cmp.Or(o.Timeout, defaultTimeout)}
	config := client.Config{DialOptions: dialOptions()}
	if o.lasting {
		config.DialOptions = append(config.DialOptions, grpc.WithChainUnaryInterceptor(tryOnce))
	}
	if where.file != "" {
		if _, err := os.Stat(where.file); errors.Is(err, fs.ErrNotExist) && !o.Write {
			return nil, fmt.Errorf("catalog: there is no %s: %w", where.file, ErrNoCollection)
		}
		if m.lite, err = openLite(ctx, o.Binary, where.file); err != nil {
			return nil, err
		}
		config.Address = "milvus-lite" // never resolved: the dialer knows the socket
		config.DialOptions = append(config.DialOptions, grpc.WithContextDialer(m.lite.dial))
	} else {
		if err := probe(ctx, where.server); err != nil {
			return nil, fmt.Errorf("catalog: connect to %s: %w", o.URI, err)
		}
		config.Address = where.server.String()
		config.APIKey = o.Token // never with Username and Password: two headers, and the server refuses both
	}
	m.close = sync.OnceValue(m.shutdown)
	err = m.within(ctx, dialTimeout, "connect to "+o.URI, func(ctx context.Context) error {
		m.client, err = client.NewClient(ctx, config)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func openLite(ctx context.Context, binary, db string) (*lite, error) {
	if binary == "" {
		var err error
		if binary, err = FindBinary(); err != nil {
			return nil, fmt.Errorf("catalog: open %s: %w", db, err)
		}
	}
	return startLite(ctx, binary, db)
}

func (l *lite) dial(ctx context.Context, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", l.socket)
}

// dialOptions are the SDK's, which options of ours would replace, plus the
// repairs and errors that say why a connection failed.
func dialOptions() []grpc.DialOption {
	options := append([]grpc.DialOption(nil), client.DefaultGrpcOpts...)
	return append(options,
		patientKeepalive(),
		grpc.WithChainUnaryInterceptor(failSilent, fillLists, refuseMalformed),
		grpc.FailOnNonTempDialError(true),
		grpc.WithReturnConnectionError(),
	)
}

// call makes one call with the catalogue's deadline.
func (m *milvus) call(ctx context.Context, what string, do func(context.Context) error) error {
	return m.within(ctx, m.timeout, what, do)
}

// within makes one call that ends after the limit, or when the process behind a
// .db has died: the SDK alone would try again for 20 s.
func (m *milvus) within(parent context.Context, limit time.Duration, what string, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	if m.lite != nil {
		defer context.AfterFunc(m.lite.died, func() { cancel(context.Cause(m.lite.died)) })()
	}
	ctx, stop := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: no answer within %v", ErrUnreachable, limit))
	defer stop()
	if err := do(ctx); err != nil {
		return fmt.Errorf("catalog: %s: %w", what, explain(parent, ctx, err))
	}
	return nil
}

// down implements session: a server's connection comes back by itself.
func (m *milvus) down() context.Context {
	if m.lite == nil {
		return context.Background()
	}
	return m.lite.died
}

// Info implements Catalog.
func (m *milvus) Info() Info { return m.info }

// Close implements Catalog. Further calls return the first one's error.
func (m *milvus) Close() error { return m.close() }

func (m *milvus) shutdown() error {
	var errs []error
	if m.client != nil {
		errs = append(errs, m.client.Close())
	}
	if m.lite != nil {
		errs = append(errs, m.lite.stop())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("catalog: close: %w", err)
	}
	return nil
}
