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

const octets = "application/octet-stream"

// mediaRange is one element of an Accept header.
type mediaRange struct {
	name  string // in lower case
	dtype string // in lower case; "" is any
	q     float64
	place int // in the header
}

// ParseAccept chooses /embed's reply by an Accept header: JSON, or vectors in binary of a type. Of what is
// accepted with the highest q, what is named goes before what a wildcard allows, and then what stands
// first. JSON is meant by no header and by wildcards, float32 by application/octet-stream without dtype.
// Its error is a 406.
func ParseAccept(accept string) (dtype DType, binary bool, err error) {
	if strings.TrimSpace(accept) == "" {
		return "", false, nil
	}
	ranges := parseRanges(accept)
	offers := append([]DType{""}, dtypes...) // "" is JSON
	best, chosen := mediaRange{}, DType("")
	for _, offer := range offers {
		if r := match(ranges, offer); r.q > 0 && (best.q == 0 || preferred(r, best)) {
			best, chosen = r, offer
		}
	}
	if best.q == 0 {
		return "", false, notAcceptable(ranges)
	}
	return chosen, chosen != "", nil
}

func parseRanges(accept string) (ranges []mediaRange) {
	for i, element := range strings.Split(accept, ",") {
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
func match(ranges []mediaRange, offer DType) (best mediaRange) {
	most := 0
	for _, r := range ranges {
		if s := r.specificity(offer); s > most {
			most, best = s, r
		}
	}
	return best
}

// specificity is 0 for a range that an offer is not in.
func (r mediaRange) specificity(offer DType) int {
	name := "application/json"
	if offer != "" {
		name = octets
	}
	switch {
	case r.name == name && offer != "" && r.dtype == string(offer):
		return 4
	case r.name == name && (offer == "" || r.dtype == ""):
		return 3
	case r.name == "application/*":
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

func notAcceptable(ranges []mediaRange) error {
	const change = "accept application/json, or application/octet-stream with dtype=float32, dtype=float16 or dtype=int8"
	for _, r := range ranges {
		if r.name == octets && r.q > 0 {
			return fault.New(http.StatusNotAcceptable, "unknown_dtype", fmt.Sprintf("Accept: no dtype is called %.16q", r.dtype), change).At("Accept")
		}
	}
	return fault.New(http.StatusNotAcceptable, "not_acceptable", "Accept: neither JSON nor "+octets, change).At("Accept")
}
