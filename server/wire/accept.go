package wire

import (
	"cmp"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"vbge/server/fault"
)

const (
	octets    = "application/octet-stream"
	jsonReply = "application/json"
)

// mediaRange is one element of an Accept header.
type mediaRange struct {
	name  string // in lower case
	dtype string // in lower case; "" is any
	q     float64
	place int // in the header
}

// Accept chooses one of the media types that a route offers by an Accept header, "" if none will do. Of
// what is accepted with the highest q, what is named goes before what a wildcard allows, then what stands
// first in the header, and then what is offered first, which also no header means.
func Accept(header string, offers ...string) string {
	if strings.TrimSpace(header) == "" {
		return offers[0]
	}
	ranges := parseRanges(header)
	best, chosen := mediaRange{}, ""
	for _, offer := range offers {
		if r := match(ranges, offer); r.q > 0 && (best.q == 0 || preferred(r, best)) {
			best, chosen = r, offer
		}
	}
	return chosen
}

// ParseAccept chooses /embed's reply by an Accept header: JSON, or vectors in binary of a type, float32
// where application/octet-stream has no dtype. Its error is a 406.
func ParseAccept(header string) (dtype DType, binary bool, err error) {
	offers := []string{jsonReply}
	for _, t := range dtypes {
		offers = append(offers, t.ContentType())
	}
	switch chosen := Accept(header, offers...); chosen {
	case "":
		return "", false, notAcceptable(header)
	case jsonReply:
		return "", false, nil
	default:
		return DType(strings.TrimPrefix(chosen, octets+";dtype=")), true, nil
	}
}

func parseRanges(header string) (ranges []mediaRange) {
	for i, element := range strings.Split(header, ",") {
		name, parameters, err := mime.ParseMediaType(element)
		if err != nil {
			continue
		}
		r := mediaRange{name: name, dtype: strings.ToLower(parameters["dtype"]), q: 1, place: i}
		if q, has := parameters["q"]; has {
			r.q, err = strconv.ParseFloat(q, 64)
			if err != nil || !(r.q >= 0 && r.q <= 1) {
				continue
			}
		}
		ranges = append(ranges, r)
	}
	return ranges
}

// match returns the most specific range that an offer is in, or one with q 0.
func match(ranges []mediaRange, offer string) (best mediaRange) {
	name, dtype, _ := strings.Cut(offer, ";dtype=")
	most := 0
	for _, r := range ranges {
		if s := r.specificity(name, dtype); s > most {
			most, best = s, r
		}
	}
	return best
}

// specificity is 0 for a range that an offer is not in (RFC 9110, section 12.5.1).
func (r mediaRange) specificity(name, dtype string) int {
	kind, _, _ := strings.Cut(name, "/")
	switch {
	case r.name == name && dtype != "" && r.dtype == dtype:
		return 4
	case r.name == name && (dtype == "" || r.dtype == ""):
		return 3
	case r.name == kind+"/*":
		return 2
	case r.name == "*/*":
		return 1
	}
	return 0
}

func (r mediaRange) wild() int { return strings.Count(r.name, "*") }

// preferred reports whether a comes before b, which was offered earlier.
func preferred(a, b mediaRange) bool {
	return cmp.Or(cmp.Compare(b.q, a.q), cmp.Compare(min(a.wild(), 1), min(b.wild(), 1)), cmp.Compare(a.place, b.place)) < 0
}

func notAcceptable(header string) error {
	const change = "accept application/json, or application/octet-stream with dtype=float32, dtype=float16 or dtype=int8"
	for _, r := range parseRanges(header) {
		if r.name == octets && r.q > 0 {
			return fault.New(http.StatusNotAcceptable, "unknown_dtype", fmt.Sprintf("Accept: no dtype is called %.16q", r.dtype), change).At("Accept")
		}
	}
	return fault.New(http.StatusNotAcceptable, "not_acceptable", "Accept: neither JSON nor "+octets, change).At("Accept")
}
