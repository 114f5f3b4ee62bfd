package catalog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestTokenIsRefused(t *testing.T) {
	for _, refusal := range []error{status.Error(codes.Unauthenticated, "auth check failure"), status.Error(codes.PermissionDenied, "not yours")} {
		o := (&fake{refuse: refusal}).options(t)
		o.Token = "secret-token"
		_, err := Open(t.Context(), o)
		if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), status.Convert(refusal).Message()) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want ErrDenied and %v", err, refusal)
		}
	}
}

func TestTokenIsSentOnce(t *testing.T) {
	f := &fake{loaded: true}
	o := f.options(t)
	o.Token = "user:password"
	mustOpen(t, o)
	if got := f.headers.Get("authorization"); len(got) != 1 || got[0] != "dXNlcjpwYXNzd29yZA==" {
		t.Errorf("authorization headers %q, want the token once in base64", got)
	}
}

func TestReleasedCollectionIsLoaded(t *testing.T) {
	f := &fake{}
	c := mustOpen(t, f.options(t))
	if f.loads != 1 {
		t.Errorf("%d loads at open, want 1", f.loads)
	}
	for _, released := range []*commonpb.Status{
		{Code: 101, Reason: "collection not loaded[collection=1]"},
		{Code: 65535, Reason: "Collection 'keep' is in state 'released'; call load() first"}, // milvus-lite 3.2.2
	} {
		f.status = released // by another client, after open
		for _, filter := range []string{"", "a == 1"} {
			if _, err := c.Search(t.Context(), []float32{1, 0}, 9, filter); !errors.Is(err, ErrNotLoaded) || errors.Is(err, ErrFilter) {
				t.Errorf("search of a released collection, filter %q: %v", filter, err)
			}
		}
	}
	f.status = &commonpb.Status{Code: 100, Reason: "collection not found"}
	if _, err := c.Search(t.Context(), []float32{1, 0}, 9, ""); !errors.Is(err, ErrNoCollection) {
		t.Errorf("search of a dropped collection: %v", err)
	}
}

func TestCollectionThatCannotBeLoaded(t *testing.T) {
	f := &fake{status: &commonpb.Status{Code: 3, Reason: "out of memory"}}
	_, err := Open(t.Context(), f.options(t))
	if !errors.Is(err, ErrNotLoaded) || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("open: %v, want ErrNotLoaded with the reason", err)
	}
}

func TestServerThatHangs(t *testing.T) {
	o := (&fake{think: time.Minute}).options(t)
	o.Timeout = 100 * time.Millisecond
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrUnreachable) {
		t.Errorf("open: %v, want ErrUnreachable", err)
	}
}
