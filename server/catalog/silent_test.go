package catalog

import (
	"errors"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

func TestSilentFailureBecomesAnError(t *testing.T) {
	f := &fake{status: &commonpb.Status{Code: 2000, Reason: "vector dimension mismatch"}} // as milvus-lite: no legacy error_code
	address := f.serve(t, nil)
	search := func(options bool) error {
		var c = sdk(t, address, nil)
		if options {
			c = sdk(t, address, dialOptions())
		}
		parameters, _ := entity.NewIndexFlatSearchParam()
		_, err := c.Search(t.Context(), "any", nil, "", nil, []entity.Vector{entity.FloatVector{1, 2}}, fieldVector, metric, 9, parameters)
		return err
	}
	if err := search(false); err != nil {
		t.Errorf("the plain SDK reports %v: this repair is no longer needed", err)
	}
	var server *ServerError
	if err := search(true); !errors.As(err, &server) || server.Code != 2000 || server.Reason != "vector dimension mismatch" {
		t.Errorf("repaired: %v", err)
	}
	f.status = &commonpb.Status{ErrorCode: commonpb.ErrorCode_IllegalArgument, Reason: "legacy"}
	if err := search(true); !errors.As(err, &server) || server.Code != int32(commonpb.ErrorCode_IllegalArgument) || server.Reason != "legacy" {
		t.Errorf("legacy failure: %v", err)
	}
	f.status = success()
	if err := search(true); err != nil {
		t.Errorf("success: %v", err)
	}
}
