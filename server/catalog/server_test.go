package catalog

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestServersThatCannotBeUsed(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	web := httptest.NewServer(http.NotFoundHandler())
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.EnableHTTP2 = true
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(func() { web.Close(); secure.Close() })
	for name, test := range map[string]struct {
		uri  string
		want error
		say  string
	}{
		"closed port":   {"http://" + closed.Addr().String(), ErrUnreachable, "connection refused"},
		"unknown host":  {"http://milvus.invalid:19530", ErrUnreachable, "milvus.invalid"},
		"no TLS":        {"https://" + web.Listener.Addr().String(), ErrUnreachable, "TLS"},
		"unknown CA":    {"https://" + secure.Listener.Addr().String(), ErrUnreachable, "certificate"},
		"token refused": {(&fake{refuse: status.Error(codes.Unauthenticated, "auth check failure")}).options(t).URI, ErrDenied, "auth check failure"},
		"no permission": {(&fake{refuse: status.Error(codes.PermissionDenied, "not yours")}).options(t).URI, ErrDenied, "not yours"},
	} {
		begin := time.Now()
		_, err := Open(t.Context(), Options{URI: test.uri, Token: "secret-token"})
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.say) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %v with %q", name, err, test.want, test.say)
		}
		if took := time.Since(begin); took > probeTimeout+time.Second {
			t.Errorf("%s: the error came after %v", name, took)
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
