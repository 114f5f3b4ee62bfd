package catalog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc"
)

// errReply is wrapped by what is said of replies that contradict themselves. The SDK trusts their numbers: it panics, or
// reads what lies behind the end of an array.
var errReply = errors.New("Milvus sent a reply that contradicts itself")

// refuseMalformed ends calls whose reply is such a one.
func refuseMalformed(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, conn, opts...)
	if err == nil {
		err = checkReply(req, reply)
	}
	return err
}

func checkReply(request, reply any) error {
	if with, ok := reply.(interface{ GetStatus() *commonpb.Status }); ok {
		if status := with.GetStatus(); status.GetCode() != 0 || status.GetErrorCode() != 0 {
			return nil // a failure, which failSilent reports
		}
	}
	var err error
	switch r := reply.(type) {
	case *milvuspb.SearchResults:
		err = checkHits(r.GetResults())
	case *milvuspb.QueryResults:
		err = checkPage(request, r.GetFieldsData())
	case *milvuspb.DescribeCollectionResponse:
		if !slices.ContainsFunc(r.GetSchema().GetFields(), (*schemapb.FieldSchema).GetIsPrimaryKey) {
			err = errors.New("a collection without a primary key")
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errReply, err)
	}
	return nil
}

// checkPage looks for the first field that was asked for, with us the primary key: the SDK turns pages by it.
func checkPage(request any, fields []*schemapb.FieldData) error {
	query, ok := request.(*milvuspb.QueryRequest)
	if ok && len(fields) > 0 && len(query.GetOutputFields()) > 0 {
		key := query.GetOutputFields()[0]
		if !slices.ContainsFunc(fields, func(f *schemapb.FieldData) bool { return f.GetFieldName() == key }) {
			return fmt.Errorf("rows without %s", key)
		}
	}
	return checkFields(fields, -1)
}

// checkHits is for searches by one vector, which all of ours are.
func checkHits(hits *schemapb.SearchResultData) error {
	queries, n := hits.GetNumQueries(), 0
	if queries > 1 || int64(len(hits.GetTopks())) != queries {
		return fmt.Errorf("results of %d searches, sizes of %d, where one was asked for", queries, len(hits.GetTopks()))
	}
	if queries == 1 {
		n = int(hits.GetTopks()[0])
	}
	ids := len(hits.GetIds().GetIntId().GetData()) + len(hits.GetIds().GetStrId().GetData())
	if n < 0 || ids != n || len(hits.GetScores()) != n {
		return fmt.Errorf("%d results with %d ids and %d scores", n, ids, len(hits.GetScores()))
	}
	for _, score := range hits.GetScores() {
		if math.IsNaN(float64(score)) || math.IsInf(float64(score), 0) {
			return fmt.Errorf("score %v", score)
		}
	}
	if n == 0 {
		return nil // the fields may be there without a type
	}
	return checkFields(hits.GetFieldsData(), n)
}

// checkFields checks that all fields have n values, or as many as each other for a negative n.
func checkFields(fields []*schemapb.FieldData, n int) error {
	for _, field := range fields {
		has := length(field)
		if n < 0 {
			n = has
		}
		if has != n || has < 0 {
			return fmt.Errorf("%d values of field %q, of others %d", has, field.GetFieldName(), n)
		}
	}
	return nil
}

// length returns the number of values of a field, or -1 where that cannot be said.
func length(field *schemapb.FieldData) int {
	scalars, vectors := field.GetScalars(), field.GetVectors()
	switch field.GetType() {
	case schemapb.DataType_Bool:
		return len(scalars.GetBoolData().GetData())
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32:
		return len(scalars.GetIntData().GetData())
	case schemapb.DataType_Int64:
		return len(scalars.GetLongData().GetData())
	case schemapb.DataType_Float:
		return len(scalars.GetFloatData().GetData())
	case schemapb.DataType_Double:
		return len(scalars.GetDoubleData().GetData())
	case schemapb.DataType_String, schemapb.DataType_VarChar:
		return len(scalars.GetStringData().GetData())
	case schemapb.DataType_JSON:
		return len(scalars.GetJsonData().GetData())
	case schemapb.DataType_Array:
		return len(scalars.GetArrayData().GetData())
	case schemapb.DataType_FloatVector:
		dimension, values := vectors.GetDim(), int64(len(vectors.GetFloatVector().GetData()))
		if dimension <= 0 || values%dimension != 0 {
			return -1
		}
		return int(values / dimension)
	}
	return -1 // no other kind is ever asked for
}
