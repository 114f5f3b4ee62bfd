package rerank

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sashabaranov/go-openai"
)

var (
	errRedirect = errors.New("the server redirects elsewhere")
	errTimeout  = errors.New("Options.Timeout has passed") // and not a deadline of the caller's
)

// boundedTransport keeps a server from filling the memory: the client library reads whole bodies.
type boundedTransport struct{ next http.RoundTripper }

func (t boundedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = http.MaxBytesReader(nil, response.Body, maxResponseBytes)
	return response, nil
}

// explain turns a failed call into a sentence with what to change. Only the causes that callers
// branch on are wrapped: the others may hold the key.
func (r *Reranker) explain(ctx context.Context, err error) error {
	switch cause := ctx.Err(); {
	case context.Cause(ctx) == errTimeout:
		return fmt.Errorf("%s did not answer within %v, try a longer timeout: %w", r.options.Model, r.options.Timeout, cause)
	case errors.Is(cause, context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer before the request's own time was over: %w", r.options.Model, cause)
	case cause != nil:
		return fmt.Errorf("the reranking was interrupted: %w", cause)
	}
	var tooLarge *http.MaxBytesError
	var api *openai.APIError
	var other *openai.RequestError
	switch {
	case errors.As(err, &tooLarge):
		return fmt.Errorf("%w: its answer is larger than %d bytes", ErrAnswer, tooLarge.Limit)
	case errors.Is(err, errRedirect):
		return fmt.Errorf("%w: it redirects elsewhere; set OPENAI_BASE_URL to its final address", ErrServer)
	case errors.Is(err, openai.ErrReasoningModelMaxTokensDeprecated):
		return fmt.Errorf("%w: %s takes no max_tokens; choose a model like %s", ErrServer, r.options.Model, DefaultModel)
	case errors.As(err, &api):
		return r.explainStatus(api.HTTPStatusCode, fmt.Sprint(api.Code), api.Message)
	case errors.As(err, &other):
		return r.explainStatus(other.HTTPStatusCode, "", "")
	case isGarbled(err):
		return fmt.Errorf("%w: it is not a chat completion (%s)", ErrAnswer, r.quotable(err.Error()))
	}
	return fmt.Errorf("%w: %s", ErrServer, r.quotable(err.Error()))
}

func (r *Reranker) explainStatus(status int, code, message string) error {
	if strings.Contains(code, "content_filter") || strings.Contains(code, "content_policy") {
		return fmt.Errorf("%w: %q", ErrRefused, r.quotable(message))
	}
	advice := "try again later"
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		// Its message is left out: servers quote parts of the key in it.
		return fmt.Errorf("%w: it does not accept the key (status %d); check OPENAI_API_KEY or the key file", ErrServer, status)
	case http.StatusNotFound:
		advice = fmt.Sprintf("check the model name %s and OPENAI_BASE_URL", r.options.Model)
	case http.StatusTooManyRequests:
		advice = "its rate limit or the account's quota is used up; try again later or check the account"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		advice = fmt.Sprintf("check that %s takes pictures", r.options.Model)
	}
	said := ""
	if message != "" {
		said = fmt.Sprintf("; it says %q", r.quotable(message))
	}
	return fmt.Errorf("%w: status %d; %s%s", ErrServer, status, advice, said)
}

// isGarbled tells a body that is not the expected JSON from a connection that failed.
func isGarbled(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// quotable is the server's text, short, on one line and without the key.
func (r *Reranker) quotable(text string) string { return shorten(r.redact(oneLine(text)), 200) }

// redact leaves placeholders alone, like the "none" of servers that ask for no key.
func (r *Reranker) redact(text string) string {
	if len(r.options.APIKey) < 8 {
		return text
	}
	return strings.ReplaceAll(text, r.options.APIKey, "[key]")
}
