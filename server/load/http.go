package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// HTTP is a server that requests are sent to over connections that are kept. There are as many as
// requests were ever under way at once.
type HTTP struct {
	requests *Requests
	host     string // with port
	base     string // of paths, without a last slash
	key      string
	timeout  time.Duration
	dial     func(ctx context.Context) (net.Conn, error)

	mu   sync.Mutex
	idle []*connection // the last used last
}

// NewHTTP returns a target at an address such as http://127.0.0.1:8080. The key may be "". A reply
// that is not complete after timeout is none.
func NewHTTP(address, key string, timeout time.Duration, q *Requests) (*HTTP, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%s: write it like http://127.0.0.1:8080", address)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	dialer := net.Dialer{Timeout: timeout}
	return &HTTP{requests: q, host: host, base: strings.TrimSuffix(u.Path, "/"), key: key, timeout: timeout,
		dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", host) }}, nil
}

// connection is one that is kept, with the memory of its requests and replies.
type connection struct {
	net.Conn
	reader   *bufio.Reader
	body     []byte
	request  fasthttp.Request
	response fasthttp.Response
}

// Send sends s and reads the whole reply.
func (h *HTTP) Send(ctx context.Context, s Shot) (Reply, error) {
	c, err := h.take(ctx)
	if err != nil {
		return Reply{}, err
	}
	c.body = h.requests.appendBody(c.body[:0], s)
	head := h.requests.head(s)
	c.request.Header.SetMethod(fasthttp.MethodPost)
	c.request.Header.SetContentType(head.contentType)
	c.request.Header.Set(fasthttp.HeaderAccept, head.accept)
	if h.requests.Priority != "" {
		c.request.Header.Set("X-Priority", h.requests.Priority)
	}
	c.request.SetBodyRaw(c.body)
	if err := h.exchange(ctx, c, head.path); err != nil {
		return Reply{}, err
	}
	r := reply(&c.response, h.requests.inputs(s), s.Kind)
	h.giveBack(c)
	return r, nil
}

// Get returns the body of a page.
func (h *HTTP) Get(ctx context.Context, path string) ([]byte, error) {
	c, err := h.take(ctx)
	if err != nil {
		return nil, err
	}
	c.request.Header.SetMethod(fasthttp.MethodGet)
	if err := h.exchange(ctx, c, path); err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	body, status := bytes.Clone(c.response.Body()), c.response.StatusCode()
	h.giveBack(c)
	if status != fasthttp.StatusOK {
		return nil, fmt.Errorf("get %s: status %d: %s", path, status, shortened(body))
	}
	return body, nil
}

// exchange sends c's request and reads its response; a connection that fails is closed.
func (h *HTTP) exchange(ctx context.Context, c *connection, path string) error {
	c.request.Header.SetHost(h.host)
	c.request.Header.SetRequestURI(h.base + path)
	if h.key != "" {
		c.request.Header.Set(fasthttp.HeaderAuthorization, "Bearer "+h.key)
	}
	err := c.SetDeadline(time.Now().Add(h.timeout))
	if err == nil {
		stop := context.AfterFunc(ctx, func() {
			_ = c.SetDeadline(time.Unix(1, 0)) // where that fails the connection is closed
		})
		if _, err = c.request.WriteTo(c); err == nil {
			err = c.response.Read(c.reader)
		}
		if !stop() && err == nil { // the deadline may be that of the past
			err = ctx.Err()
		}
	}
	if err != nil {
		c.Close()
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// take returns the connection used last, or a new one.
func (h *HTTP) take(ctx context.Context) (*connection, error) {
	h.mu.Lock()
	if last := len(h.idle) - 1; last >= 0 {
		c := h.idle[last]
		h.idle = h.idle[:last]
		h.mu.Unlock()
		c.request.Reset()
		return c, nil
	}
	h.mu.Unlock()
	conn, err := h.dial(ctx)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, reader: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (h *HTTP) giveBack(c *connection) {
	if c.response.ConnectionClose() {
		c.Close()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.idle = append(h.idle, c)
}

// Close closes the connections that no request is under way on; Send would open new ones.
func (h *HTTP) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.idle {
		c.Close()
	}
	h.idle = nil
}

// failed stands in place of a vector, before the error.
var failed = []byte(`"embedding":null`)

// reply reads from a response what is measured.
func reply(r *fasthttp.Response, inputs int, kind Kind) Reply {
	body := r.Body()
	y := Reply{Status: r.StatusCode(), Bytes: len(body), Stages: stages(string(r.Header.Peek("Server-Timing")))}
	switch {
	case y.Status != fasthttp.StatusOK:
		y.Message = shortened(body)
	case kind.search():
		y.Answers = 1
	case bytes.HasPrefix(r.Header.ContentType(), []byte("application/octet-stream")):
		rows, _, _ := strings.Cut(string(r.Header.Peek("X-Embedding-Shape")), ",")
		y.Answers, _ = strconv.Atoi(strings.TrimSpace(rows))
	default:
		y.Failed = bytes.Count(body, failed)
		y.Answers = bytes.Count(body, []byte(`"embedding":`)) - y.Failed
		if y.Failed > 0 {
			y.Message = shortened(body[bytes.Index(body, failed):])
		}
	}
	if kind != Body && y.Status == fasthttp.StatusOK && y.Answers+y.Failed != inputs {
		y.Failed = inputs - y.Answers // what is missing has failed as well
	}
	return y
}

// longest is a day in milliseconds: what says that it took longer is no time.
const longest = 24 * 60 * 60 * 1000

// stages reads a Server-Timing header: wait;dur=1.5, compute;dur=20
func stages(header string) []Stage {
	var all []Stage
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		for p := range strings.SplitSeq(parameters, ";") {
			value, ok := strings.CutPrefix(strings.TrimSpace(p), "dur=")
			if !ok {
				continue
			}
			if ms, err := strconv.ParseFloat(value, 64); err == nil && ms >= 0 && ms < longest {
				all = append(all, Stage{strings.TrimSpace(name), time.Duration(ms * float64(time.Millisecond))})
			}
		}
	}
	return all
}

// shortened is the beginning of an error's body, for people.
func shortened(body []byte) string {
	const most = 300
	if len(body) > most {
		return string(body[:most]) + "..."
	}
	return string(body)
}
