package catalog

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"
)

// fillLists gives every name of a list an id. SDK v2.4.2 walks the ids of a
// reply, which both milvus-lites do not send: the lists would be empty.
func fillLists(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if err := invoke(ctx, method, req, reply, conn, opts...); err != nil {
		return err
	}
	switch r := reply.(type) {
	case *milvuspb.ShowCollectionsResponse:
		r.CollectionIds = pad(r.CollectionIds, len(r.CollectionNames))
	case *milvuspb.ShowPartitionsResponse:
		r.PartitionIDs = pad(r.PartitionIDs, len(r.PartitionNames))
	}
	return nil
}

func pad(ids []int64, names int) []int64 {
	return append(ids, make([]int64, max(0, names-len(ids)))...)
}
