package catalog

import (
	"cmp"
	"context"
	"net"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// fake is a Milvus server in this process that answers as a test wants.
type fake struct {
	milvuspb.UnimplementedMilvusServiceServer
	refuse   error            // answer of every call
	status   *commonpb.Status // of every search
	loaded   bool             // state of the collection
	released *commonpb.Status // of a search until LoadCollection
	loads    int              // calls of LoadCollection
	think    time.Duration    // before HasCollection answers
	headers  metadata.MD      // of the last Connect
	with     []grpc.ServerOption
}

func success() *commonpb.Status { return &commonpb.Status{} }

func (f *fake) Connect(ctx context.Context, _ *milvuspb.ConnectRequest) (*milvuspb.ConnectResponse, error) {
	f.headers, _ = metadata.FromIncomingContext(ctx)
	return &milvuspb.ConnectResponse{Status: success()}, f.refuse
}

func (f *fake) HasCollection(ctx context.Context, _ *milvuspb.HasCollectionRequest) (*milvuspb.BoolResponse, error) {
	select {
	case <-time.After(f.think):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return &milvuspb.BoolResponse{Status: success(), Value: true}, f.refuse
}

func (f *fake) DescribeCollection(context.Context, *milvuspb.DescribeCollectionRequest) (*milvuspb.DescribeCollectionResponse, error) {
	return &milvuspb.DescribeCollectionResponse{Status: success(), Schema: &schemapb.CollectionSchema{
		Name: DefaultCollection, Description: `{"vbge":1,"model":"m","dimension":2}`, EnableDynamicField: true,
		Fields: []*schemapb.FieldSchema{
			{Name: fieldID, IsPrimaryKey: true, DataType: schemapb.DataType_VarChar},
			{Name: fieldVector, DataType: schemapb.DataType_FloatVector, TypeParams: []*commonpb.KeyValuePair{{Key: "dim", Value: "2"}}},
			{Name: fieldPath, DataType: schemapb.DataType_VarChar},
			{Name: fieldContentHash, DataType: schemapb.DataType_VarChar},
			{Name: fieldFieldsHash, DataType: schemapb.DataType_VarChar},
			{Name: fieldSource, DataType: schemapb.DataType_VarChar},
		},
	}}, nil
}

func (f *fake) DescribeIndex(context.Context, *milvuspb.DescribeIndexRequest) (*milvuspb.DescribeIndexResponse, error) {
	return &milvuspb.DescribeIndexResponse{Status: success(), IndexDescriptions: []*milvuspb.IndexDescription{{
		FieldName: fieldVector, State: commonpb.IndexState_Finished,
		Params: []*commonpb.KeyValuePair{{Key: "index_type", Value: "FLAT"}, {Key: "metric_type", Value: "COSINE"}},
	}}}, nil
}

func (f *fake) GetLoadState(context.Context, *milvuspb.GetLoadStateRequest) (*milvuspb.GetLoadStateResponse, error) {
	state := commonpb.LoadState_LoadStateNotLoad
	if f.loaded {
		state = commonpb.LoadState_LoadStateLoaded
	}
	return &milvuspb.GetLoadStateResponse{Status: success(), State: state}, nil
}

func (f *fake) LoadCollection(context.Context, *milvuspb.LoadCollectionRequest) (*commonpb.Status, error) {
	f.loads++
	f.loaded = f.status == nil
	if !f.loaded {
		return f.status, nil
	}
	return success(), nil
}

func (f *fake) Search(context.Context, *milvuspb.SearchRequest) (*milvuspb.SearchResults, error) {
	if f.released != nil && f.loads == 0 {
		return &milvuspb.SearchResults{Status: f.released}, nil
	}
	return &milvuspb.SearchResults{Status: cmp.Or(f.status, success())}, nil
}

func (f *fake) ShowCollections(context.Context, *milvuspb.ShowCollectionsRequest) (*milvuspb.ShowCollectionsResponse, error) {
	return &milvuspb.ShowCollectionsResponse{Status: success(), CollectionNames: []string{"a", "b"}}, nil
}

func (f *fake) ShowPartitions(context.Context, *milvuspb.ShowPartitionsRequest) (*milvuspb.ShowPartitionsResponse, error) {
	return &milvuspb.ShowPartitionsResponse{Status: success(), PartitionNames: []string{"_default"}}, nil
}

// serve starts the fake on a free port and returns its address.
func (f *fake) serve(t *testing.T, wrap func(net.Listener) net.Listener) string {
	t.Helper()
	listener := listen(t, "127.0.0.1:0")
	address := listener.Addr().String()
	if wrap != nil {
		listener = wrap(listener)
	}
	t.Cleanup(f.run(listener))
	return address
}

// start starts the fake at an address and returns what stops it.
func (f *fake) start(t *testing.T, at string) (stop func(), address string) {
	t.Helper()
	listener := listen(t, at)
	return f.run(listener), listener.Addr().String()
}

// startAnywhere starts the fake on a free port.
func (f *fake) startAnywhere(t testing.TB) (stop func(), address string) {
	t.Helper()
	listener := listen(t, "127.0.0.1:0")
	return f.run(listener), listener.Addr().String()
}

func listen(t testing.TB, at string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// run serves until what it returns is called.
func (f *fake) run(listener net.Listener) (stop func()) {
	server := grpc.NewServer(f.with...)
	milvuspb.RegisterMilvusServiceServer(server, f)
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	return func() { server.Stop(); <-done }
}

func (f *fake) options(t *testing.T) Options {
	return Options{URI: "http://" + f.serve(t, nil), Model: "m", Dimension: 2, Timeout: 5 * time.Second}
}

// sdk is a client of the fake with or without the repairs.
func sdk(t *testing.T, address string, options []grpc.DialOption) client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	c, err := client.NewClient(ctx, client.Config{Address: address, DialOptions: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
