package rerank

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"
)

// Why a reranking did not happen. Each error that wraps one is a sentence for the user and never
// holds the key. A timeout wraps context.DeadlineExceeded, an interruption context.Canceled.
var (
	ErrNoKey   = errors.New("no key for reranking")
	ErrRefused = errors.New("the model refused to rerank")
	ErrAnswer  = errors.New("the model's answer holds no ranking")
	ErrServer  = errors.New("the reranking server did not help")
)

const (
	// DefaultModel is the tutorial's.
	DefaultModel = "gpt-4o"
	// DefaultTimeout is for one reranking, from sending the panorama to the last byte of the answer.
	DefaultTimeout = time.Minute

	defaultBaseURL   = "https://api.openai.com/v1"
	maxTokens        = 300
	maxResponseBytes = 1 << 20
)

// Options configure a Reranker. Only APIKey has to be set.
type Options struct {
	Model   string        // "" is DefaultModel
	BaseURL string        // of any server compatible with OpenAI's chat completions, up to /v1; "" is OpenAI's
	APIKey  string        // sent as bearer token
	Timeout time.Duration // 0 is DefaultTimeout
}

// Reranker asks a vision language model for a better order. It may be used concurrently.
type Reranker struct {
	client  *openai.Client
	options Options
}

// Request is one panorama with what its model should know about it.
type Request struct {
	Instruction string   // the user's words; may be empty
	Panorama    []byte   // JPEG, see Panorama and EncodeJPEG
	Items       []string // optional: product information of result i in Items[i], "" for none
	Count       int      // results in the panorama, 1 to MaxItems
}

// New checks the options; without a key it answers ErrNoKey.
func New(options Options) (*Reranker, error) {
	options.Model = cmp.Or(options.Model, DefaultModel)
	options.BaseURL = cmp.Or(options.BaseURL, defaultBaseURL)
	options.Timeout = cmp.Or(options.Timeout, DefaultTimeout)
	options.APIKey = strings.TrimSpace(options.APIKey)
	switch base, err := url.Parse(options.BaseURL); {
	case options.APIKey == "":
		return nil, fmt.Errorf("%w: set OPENAI_API_KEY or name a key file (any value does for a server that asks for none)", ErrNoKey)
	case strings.ContainsFunc(options.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, fmt.Errorf("%w: the one given holds spaces or characters that no key has; is it the right file or variable?", ErrNoKey)
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("rerank: the server's address has to look like %s, check OPENAI_BASE_URL", defaultBaseURL)
	case options.Timeout < 0:
		return nil, fmt.Errorf("rerank: the timeout is %v, it has to be positive", options.Timeout)
	}
	config := openai.DefaultConfig(options.APIKey)
	config.BaseURL = options.BaseURL
	config.HTTPClient = &http.Client{
		Transport: boundedTransport{http.DefaultTransport},
		// The key and the user's pictures go to the named server only.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}
	return &Reranker{client: openai.NewClientWithConfig(config), options: options}, nil
}

// Rerank sends one panorama and reads the new order. It does not retry.
func (r *Reranker) Rerank(ctx context.Context, request Request) (Ranking, error) {
	switch {
	case request.Count < 1 || request.Count > MaxItems:
		return Ranking{}, fmt.Errorf("rerank: %d results, a panorama shows 1 to %d", request.Count, MaxItems)
	case len(request.Items) > request.Count:
		return Ranking{}, fmt.Errorf("rerank: product information for %d results of %d", len(request.Items), request.Count)
	case http.DetectContentType(request.Panorama) != "image/jpeg":
		return Ranking{}, errors.New("rerank: the panorama is not a JPEG")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.options.Timeout, errTimeout)
	defer cancel()
	response, err := r.client.CreateChatCompletion(ctx, r.chatRequest(request))
	if err != nil {
		return Ranking{}, r.explain(ctx, err)
	}
	answer, err := r.answerText(response)
	if err != nil {
		return Ranking{}, err
	}
	return parseAnswer(r.redact(answer), request.Count)
}

func (r *Reranker) chatRequest(request Request) openai.ChatCompletionRequest {
	dataURL := "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(request.Panorama)
	return openai.ChatCompletionRequest{
		Model:     r.options.Model,
		MaxTokens: maxTokens, // the tutorial's, which other compatible servers know, unlike its successor
		Messages: []openai.ChatCompletionMessage{{
			Role: openai.ChatMessageRoleUser,
			MultiContent: []openai.ChatMessagePart{
				{Type: openai.ChatMessagePartTypeText, Text: prompt(request)},
				{Type: openai.ChatMessagePartTypeImageURL, ImageURL: &openai.ChatMessageImageURL{URL: dataURL}},
			},
		}},
	}
}

// answerText is the text of the first choice, or why there is none.
func (r *Reranker) answerText(response openai.ChatCompletionResponse) (string, error) {
	if len(response.Choices) == 0 {
		return "", fmt.Errorf("%w: the server sent no answer at all", ErrAnswer)
	}
	choice := response.Choices[0]
	if choice.Message.Refusal != "" {
		return "", fmt.Errorf("%w: %q", ErrRefused, r.quotable(choice.Message.Refusal))
	}
	if choice.FinishReason == openai.FinishReasonContentFilter {
		return "", fmt.Errorf("%w: the server's content filter stopped the answer", ErrRefused)
	}
	text := choice.Message.Content
	for _, part := range choice.Message.MultiContent { // some servers answer in parts
		text += part.Text
	}
	return text, nil
}
