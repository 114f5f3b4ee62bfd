package catalog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"vbge/server/catalog/milvustest"
)

// scripted answers one method with bytes of a test's, and the others as the fake does, without a network.
type scripted struct {
	fake
	method string
	reply  []byte
	asked  int // calls of method
}

func (s *scripted) answer(ctx context.Context, path string, req, reply any, _ *grpc.ClientConn, _ grpc.UnaryInvoker, _ ...grpc.CallOption) error {
	method := path[strings.LastIndexByte(path, '/')+1:]
	if err := ctx.Err(); err != nil {
		return err
	}
	if method == s.method {
		s.asked++
		return decode(s.reply, reply)
	}
	var canned any
	switch method {
	case "DescribeCollection":
		canned, _ = s.DescribeCollection(ctx, nil)
	case "HasCollection":
		canned = &milvuspb.BoolResponse{Status: success(), Value: true}
	case "DescribeIndex":
		canned, _ = s.DescribeIndex(ctx, nil)
	case "GetLoadState":
		canned = &milvuspb.GetLoadStateResponse{Status: success(), State: commonpb.LoadState_LoadStateLoaded}
	default:
		return nil // an empty reply is a success
	}
	text, err := encode(canned)
	return errors.Join(err, decode(text, reply))
}

// encode and decode are what gRPC does to messages.
func encode(message any) ([]byte, error) {
	text, err := encoding.GetCodecV2("proto").Marshal(message)
	return text.Materialize(), err
}

func decode(text []byte, message any) error {
	return encoding.GetCodecV2("proto").Unmarshal(mem.BufferSlice{mem.SliceBuffer(text)}, message)
}

// open returns a catalogue whose Milvus is the script.
func (s *scripted) open(t testing.TB, address, collection string) (*milvus, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	c, err := client.NewClient(ctx, client.Config{Address: address, DialOptions: append(dialOptions(), grpc.WithChainUnaryInterceptor(tryOnce, s.answer))})
	if err != nil {
		t.Fatal(err)
	}
	m := &milvus{client: c, timeout: time.Minute}
	m.close = m.shutdown
	return m, m.openCollection(t.Context(), Options{Collection: collection, Model: "m", Dimension: 2, Write: true})
}

// reading is a method whose replies are read, and what asks for one and looks at what came of it.
type reading struct {
	method string
	ask    func(ctx context.Context, m *milvus) error // nil for what opening a collection asks for
}

var replies = []reading{
	{"Search", func(ctx context.Context, m *milvus) error {
		hits, err := m.Search(ctx, []float32{1, 0}, 3, "")
		for _, hit := range hits {
			if math.IsNaN(float64(hit.Score)) || len(hits) > 3 {
				return fmt.Errorf("%w: %d hits, %+v", errWrongRows, len(hits), hit)
			}
		}
		return err
	}},
	{"Query", func(ctx context.Context, m *milvus) error {
		found, err := m.Find(ctx, []string{"a", "b"})
		for id, entry := range found {
			if id != "a" && id != "b" || entry.ID != id {
				return fmt.Errorf("%w: found %+v", errWrongRows, entry)
			}
		}
		vectors, more := m.Vectors(ctx, []string{"a", "b"})
		for id, vector := range vectors {
			if id != "a" && id != "b" || len(vector) != 2 {
				return fmt.Errorf("%w: vector %v of %q", errWrongRows, vector, id)
			}
		}
		n, still := m.Count(ctx)
		if n < 0 {
			return fmt.Errorf("%w: count %d", errWrongRows, n)
		}
		return errors.Join(err, more, still)
	}},
	{"Query", func(ctx context.Context, m *milvus) error {
		last := ""
		for entry, err := range m.Entries(ctx) {
			if err != nil {
				return err
			}
			if entry.ID <= last {
				return fmt.Errorf("%w: %q after %q", errWrongRows, entry.ID, last)
			}
			last = entry.ID
		}
		return nil
	}},
	{"Upsert", func(ctx context.Context, m *milvus) error {
		return m.Upsert(ctx, []Row{{ID: "a", ImagePath: "a.jpg", Vector: []float32{1, 0}}})
	}},
	{"Delete", func(ctx context.Context, m *milvus) error { return m.Delete(ctx, []string{"a"}) }},
	{"DescribeCollection", nil},
	{"DescribeIndex", nil},
	{"GetVersion", nil},
}

var errWrongRows = errors.New("rows that are not there")

// TestRepliesThatContradictThemselves: the SDK panics over most of these, or returns what the server did not send.
func TestRepliesThatContradictThemselves(t *testing.T) {
	address := (&fake{loaded: true}).serve(t, nil)
	texts := func(name string, values ...string) *schemapb.FieldData {
		return &schemapb.FieldData{FieldName: name, Type: schemapb.DataType_VarChar, Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
			Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: values}}}}}
	}
	ids := func(values ...string) *schemapb.IDs {
		return &schemapb.IDs{IdField: &schemapb.IDs_StrId{StrId: &schemapb.StringArray{Data: values}}}
	}
	vectors := func(dimension int64, values ...float32) *schemapb.FieldData {
		return &schemapb.FieldData{FieldName: fieldVector, Type: schemapb.DataType_FloatVector, Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{
			Dim: dimension, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: values}}}}}
	}
	hits := func(queries int64, topks []int64, i *schemapb.IDs, scores ...float32) any {
		return &milvuspb.SearchResults{Status: success(), Results: &schemapb.SearchResultData{NumQueries: queries, Topks: topks, Ids: i, Scores: scores}}
	}
	rows := func(fields ...*schemapb.FieldData) any {
		return &milvuspb.QueryResults{Status: success(), FieldsData: fields}
	}
	for name, test := range map[string]struct {
		at    int
		reply any
	}{
		"no sizes":              {0, hits(1, nil, nil)},
		"more ids":              {0, hits(1, []int64{1}, ids("a", "b"), 1)},
		"fewer scores":          {0, hits(1, []int64{2}, ids("a", "b"), 1)},
		"negative size":         {0, hits(1, []int64{-1}, nil)},
		"two searches":          {0, hits(2, []int64{1, 1}, ids("a", "b"), 1, 1)},
		"not a number":          {0, hits(1, []int64{1}, ids("a"), float32(math.NaN()))},
		"more than asked for":   {0, hits(1, []int64{4}, ids("a", "b", "c", "d"), 1, 1, 1, 1)},
		"fields of two lengths": {1, rows(texts(fieldID, "a", "b"), texts(fieldPath, "x"), texts(fieldContentHash, "", ""), texts(fieldFieldsHash, "", ""), texts(fieldSource, "", ""))},
		"another row":           {1, rows(texts(fieldID, "z"), texts(fieldPath, "x"), texts(fieldContentHash, ""), texts(fieldFieldsHash, ""), texts(fieldSource, ""))},
		"vector of no length":   {1, rows(texts(fieldID, "a"), vectors(0, 1, 2))},
		"vector too long":       {1, rows(texts(fieldID, "a"), vectors(3, 1, 2, 3))},
		"half a vector":         {1, rows(texts(fieldID, "a"), vectors(2, 1, 2, 3))},
		"the same page again":   {2, rows(texts(fieldID, "a", "a"), texts(fieldPath, "x", "x"), texts(fieldContentHash, "", ""), texts(fieldFieldsHash, "", ""), texts(fieldSource, "", ""))},
		"rows without an id":    {2, rows(texts(fieldPath, "x"))},
		"no schema":             {5, &milvuspb.DescribeCollectionResponse{Status: success()}},
	} {
		reply, err := encode(test.reply)
		if err != nil {
			t.Fatal(err)
		}
		s := &scripted{method: replies[test.at].method, reply: reply}
		m, err := s.open(t, address, "c")
		if err == nil && replies[test.at].ask != nil {
			err = replies[test.at].ask(t.Context(), m)
		}
		if !errors.Is(err, errReply) {
			t.Errorf("%s: %v, want %v", name, err, errReply)
		}
		m.Close()
	}
}

// TestRecordReplies writes what the server at $VBGE_TEST_MILVUS answers into testdata/replies, for the fuzzing:
//
//	VBGE_TEST_RECORD=1 VBGE_TEST_SERVER=milvus-2.3.5 go test -count=1 -run TestRecordReplies ./server/catalog
func TestRecordReplies(t *testing.T) {
	if os.Getenv("VBGE_TEST_RECORD") == "" {
		t.Skip("it writes testdata/replies")
	}
	o := served(t, "recording")
	where, err := parseURI(o.URI)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	record := func(ctx context.Context, path string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, path, req, reply, conn, opts...)
		method := path[strings.LastIndexByte(path, '/')+1:]
		text, bad := encode(reply)
		if err == nil && bad == nil && slices.ContainsFunc(replies, func(r reading) bool { return r.method == method }) {
			name := fmt.Sprintf("testdata/replies/%s.%s.%d", method, os.Getenv(milvustest.ServerVariable), seen[method])
			seen[method]++
			bad = os.WriteFile(name, text, 0o644)
		}
		return errors.Join(err, bad)
	}
	c, err := client.NewClient(t.Context(), client.Config{Address: where.server.String(), DialOptions: append(dialOptions(), grpc.WithChainUnaryInterceptor(record))})
	if err != nil {
		t.Fatal(err)
	}
	m := &milvus{client: c, timeout: time.Minute}
	defer m.shutdown()
	if err := m.openCollection(t.Context(), Options{Collection: o.Collection, Model: "m", Dimension: 2, Write: true}); err != nil {
		t.Fatal(err)
	}
	rows := []Row{
		{ID: "a", ImagePath: "a.jpg", Vector: []float32{1, 0}, Fields: map[string]any{"kind": "mug"}},
		{ID: "b", ImagePath: "b.jpg", Vector: []float32{0.6, 0.8}}, {ID: "c", ImagePath: "c.jpg", Vector: []float32{0, 1}},
	}
	mustUpsert(t, m, rows)
	_, wrong := m.client.Query(t.Context(), o.Collection, nil, "id ==", []string{fieldID})
	if wrong == nil {
		t.Error("half an expression is understood")
	}
	for _, r := range replies {
		if r.ask != nil {
			if err := r.ask(t.Context(), m); err != nil {
				t.Errorf("%s: %v", r.method, err)
			}
		}
	}
}

// FuzzReplies: whatever a server answers, there is an error, or only what was in the answer and asked for.
func FuzzReplies(f *testing.F) {
	for at, r := range replies {
		recorded, err := filepath.Glob("testdata/replies/" + r.method + ".*")
		if err != nil || len(recorded) == 0 {
			f.Fatalf("no recorded replies of %s: %v", r.method, err)
		}
		for _, path := range recorded {
			reply, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(byte(at), reply)
		}
	}
	stop, address := (&fake{}).startAnywhere(f)
	f.Cleanup(stop)
	s := &scripted{}
	var m *milvus
	f.Cleanup(func() {
		if m != nil {
			m.Close()
		}
	})
	n := 0
	f.Fuzz(func(t *testing.T, at byte, reply []byte) {
		r := replies[int(at)%len(replies)]
		if n%1000 == 0 { // the SDK keeps every collection's schema
			if m != nil {
				m.Close()
			}
			s.method = ""
			var err error
			if m, err = s.open(t, address, "first"); err != nil {
				t.Fatal(err)
			}
		}
		n++
		s.method, s.reply, s.asked = r.method, reply, 0
		fresh := &milvus{client: m.client, timeout: time.Minute}
		if r.method == "DescribeIndex" {
			fresh.timeout = 10 * time.Millisecond // for an index that is never finished
		}
		err := fresh.openCollection(t.Context(), Options{Collection: fmt.Sprint("c", n), Model: "m", Dimension: 2, Write: true})
		if err == nil && r.ask != nil {
			err = r.ask(t.Context(), fresh)
		}
		if errors.Is(err, errWrongRows) {
			t.Error(err)
		}
		if s.asked == 0 && !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s was not asked: %v", r.method, err)
		}
	})
}
