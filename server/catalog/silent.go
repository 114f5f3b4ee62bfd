package catalog

import (
	"context"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc"
)

// ServerError is what Milvus answered instead of doing the call.
type ServerError struct {
	Method string // gRPC method, such as /milvus.proto.milvus.MilvusService/Search
	Code   int32  // Milvus's error code, or the legacy one of servers before 2.3
	Reason string
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("Milvus answered: %s (code %d)", e.Reason, e.Code)
}

// failSilent turns every reply whose status is a failure into a ServerError.
// SDK v2.4.2 looks at the legacy error_code alone, which both milvus-lites leave
// at 0: a search with a wrong dimension would be "no results".
func failSilent(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if err := invoke(ctx, method, req, reply, conn, opts...); err != nil {
		return err
	}
	status, ok := reply.(*commonpb.Status)
	if !ok {
		with, has := reply.(interface{ GetStatus() *commonpb.Status })
		if !has {
			return nil
		}
		status = with.GetStatus()
	}
	code := status.GetCode()
	if code == 0 {
		code = int32(status.GetErrorCode())
	}
	if code != 0 {
		return &ServerError{Method: method, Code: code, Reason: status.GetReason()}
	}
	return nil
}
