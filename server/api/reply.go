package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"vbge/server/transport"
)

// jsonReply writes JSON as `vbge search --json` does: < and > as they are.
func jsonReply(v any) (*transport.Response, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the reply: %w", err)
	}
	return &transport.Response{ContentType: "application/json", Body: body.Bytes()}, nil
}
