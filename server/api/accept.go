package api

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"vbge/server/fault"
	"vbge/server/transport"
)

// accepted returns which of a route's media types the client likes best, of equals the first.
func accepted(r *transport.Request, types ...string) (string, error) {
	header := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return types[0], nil
	}
	best, most := "", 0.0
	for _, t := range types {
		if q := quality(header, t); q > most {
			best, most = t, q
		}
	}
	if best == "" {
		return "", fault.New(http.StatusNotAcceptable, "not_acceptable",
			fmt.Sprintf("no reply of this route fits Accept: %.100q", header),
			"accept "+strings.Join(types, " or ")).At("Accept")
	}
	return best, nil
}

// quality returns how much an Accept header likes a media type, 0 to 1: the most specific of the
// ranges that fit it says so (RFC 9110, section 12.5.1).
func quality(header, mediaType string) float64 {
	kind, _, _ := strings.Cut(mediaType, "/")
	specific, q := 0, 0.0
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		rank := map[string]int{"*/*": 1, kind + "/*": 2, mediaType: 3}[name]
		if rank <= specific {
			continue
		}
		specific, q = rank, 1
		if weight, ok := parameters["q"]; ok {
			q, _ = strconv.ParseFloat(weight, 64)
		}
	}
	return q
}
