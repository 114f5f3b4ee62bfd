package catalog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"vbge/server/catalog/milvustest"
)

// playReach opens a catalogue through the proxy of the environment, which Go reads once a process.
func playReach(uri string) error {
	c, err := Open(context.Background(), Options{URI: uri, Model: "m", Dimension: 2, Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Search(context.Background(), []float32{1, 0}, 9, "")
	fmt.Println("reached:", err)
	return nil
}

// TestThroughAProxy: the proxy is asked for the host by name, and what it says is in the error.
func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	milvus := (&fake{loaded: true}).serve(t, nil)
	var mu sync.Mutex
	var asked []string
	proxy := listen(t, "127.0.0.1:0")
	t.Cleanup(serveConns(proxy, func(c net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		mu.Lock()
		asked = append(asked, request.Method+" "+request.Host)
		mu.Unlock()
		if request.Host != "milvus.example:19530" {
			io.WriteString(c, "HTTP/1.1 403 Not there\r\nContent-Length: 0\r\n\r\n")
			return
		}
		far, err := net.Dial("tcp", milvus)
		if err != nil {
			return
		}
		defer far.Close()
		io.WriteString(c, "HTTP/1.1 200 Connected\r\n\r\n")
		go func() { defer far.Close(); io.Copy(far, c) }()
		io.Copy(c, far)
	}))
	wanted := map[string]string{"http://milvus.example": "reached: <nil>"}
	if os.Getenv(milvustest.ServerVariable) != "" { // it takes ten seconds
		wanted["http://elsewhere.example"] = "403 Not there"
	}
	for uri, want := range wanted {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "VBGE_TEST_DB="+uri, "VBGE_TEST_PLAY=reach", "HTTPS_PROXY=http://"+proxy.Addr().String(), "NO_PROXY=", "no_proxy=")
		out, _ := cmd.CombinedOutput() // status 1 after an error, which it prints
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: %s, want %q", uri, out, want)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if all := strings.Join(asked, ", "); !strings.Contains(all, "CONNECT milvus.example:19530") {
		t.Errorf("the proxy was asked for %s", all)
	}
}
