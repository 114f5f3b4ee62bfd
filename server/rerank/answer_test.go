package rerank

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseAnswer(t *testing.T) {
	all := func(best ...int) []int { return complete(best, 9) }
	tests := map[string]struct {
		answer      string
		ranked      []int
		explanation string
	}{
		"the contract":         {"Ranked list: [6, 2, 0, 1, 3, 4, 5, 7, 8]\nReasons: A case with spots.", []int{6, 2, 0, 1, 3, 4, 5, 7, 8}, "A case with spots."},
		"partial":              {"Ranked list: [6, 2]\nReasons: spots", []int{6, 2, 0, 1, 3, 4, 5, 7, 8}, "spots"},
		"repeated":             {"Ranked list: [6, 6, 2, 6]\nReasons: spots", all(6, 2), "spots"},
		"out of range":         {"Ranked list: [9, 6, -1, 99999999999999999999, 2]\nReasons: spots", all(6, 2), "spots"},
		"prose around":         {"Sure, here you are.\n\nRanked list: [3, 1]\n\nReasons: It fits\nbest.\n", all(3, 1), "It fits best."},
		"citation before":      {"As seen in [1] and [note], my ranked list is:\nRanked list: [3, 0]\nReasons: x", all(3, 0), "x"},
		"no label":             {"[4, 5]\nbecause it is blue", all(4, 5), "because it is blue"},
		"label after the list": {"[4, 5] is my ranked list.", all(4, 5), "is my ranked list."},
		"bold":                 {"**Ranked list:** [6, 2]\n\n**Reasons:** The **case** has spots.", all(6, 2), "The case has spots."},
		"bold inside":          {"**Ranked list: [**6**, 2]**\n**Reasons**: spots", all(6, 2), "spots"},
		"fence":                {"```\nRanked list: [6, 2]\nReasons: spots\n```", all(6, 2), "spots"},
		"json":                 {"```json\n{\"ranked_list\": [\n  6,\n  2\n], \"reasons\": \"x\"}\n```", all(6, 2), "\"x\""},
		"quoted":               {"Ranked list: [\"6\", '2']\nReasons: x", all(6, 2), "x"},
		"named":                {"Ranked list: [index 6, index 2]\nReasons: x", all(6, 2), "x"},
		"order signs":          {"Ranked list: [6 > 2 > 1]", all(6, 2, 1), ""},
		"latex":                {"Ranked list: \\[6, 2\\]\nReasons: x", all(6, 2), "x"},
		"empty brackets first": {"Ranked list: [] -> [6, 2]\nReasons: x", all(6, 2), "x"},
		"cut off in the list":  {"Ranked list: [6, 2, 1", all(6, 2, 1), ""},
		"bracket never closed": {"Ranked list: [6, 2\nReasons: 3 and 4 lack spots", all(6, 2), "3 and 4 lack spots"},
		"no brackets":          {"Ranked list: 6, 2, 1\nReasons: 3 lacks spots", all(6, 2, 1), "3 lacks spots"},
		"no brackets, one line": {"ranked list: 6, 2 Reasons: 3 lacks spots",
			all(6, 2), "3 lacks spots"},
		"singular reason":  {"Ranked list: [6]\nReason: x", all(6), "x"},
		"windows lines":    {"Ranked list: [6, 2]\r\nReasons: x\r\n", all(6, 2), "x"},
		"terminal escapes": {"Ranked list: [6]\nReasons: \x1b[31mred\x07 \u202edone", all(6), "[31mred done"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseAnswer(test.answer, 9)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Ranked, test.ranked) || got.Best != test.ranked[0] {
				t.Errorf("ranked %v, best %d; want %v", got.Ranked, got.Best, test.ranked)
			}
			if got.Explanation != test.explanation {
				t.Errorf("explanation %q, want %q", got.Explanation, test.explanation)
			}
		})
	}
}

func TestParseAnswerWithoutRanking(t *testing.T) {
	for _, answer := range []string{
		"", " \n", "I'm sorry, I can't help with that.", "Ranked list: []\nReasons: none fits",
		"Ranked list: [9, 10]", "The first one.", "[see above]", strings.Repeat("[", 10000),
	} {
		ranking, err := parseAnswer(answer, 9)
		if !errors.Is(err, ErrAnswer) {
			t.Errorf("%.40q: ranking %v, error %v; want ErrAnswer", answer, ranking, err)
		} else if len(err.Error()) > 400 {
			t.Errorf("%.40q: the error has %d bytes", answer, len(err.Error()))
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add("Ranked list: [6, 2, 0]\nReasons: spots", uint8(9))
	f.Add("**ranked list**: 3 > 1 Reason: [2]", uint8(4))
	f.Add("[[0], [\x00]] \xff ]", uint8(1))
	f.Fuzz(func(t *testing.T, answer string, n uint8) {
		count := 1 + int(n)%MaxItems
		got, err := parseAnswer(answer, count)
		if err != nil {
			if !errors.Is(err, ErrAnswer) {
				t.Fatalf("error %v is not ErrAnswer", err)
			}
			return
		}
		sorted := slices.Sorted(slices.Values(got.Ranked))
		if len(sorted) != count || sorted[0] != 0 || sorted[count-1] != count-1 || len(slices.Compact(sorted)) != count {
			t.Fatalf("%v is no permutation of 0..%d", got.Ranked, count-1)
		}
		if got.Best != got.Ranked[0] || strings.ContainsAny(got.Explanation, "\n\r\x1b\x00") {
			t.Fatalf("best %d of %v, explanation %q", got.Best, got.Ranked, got.Explanation)
		}
	})
}

func BenchmarkParseAnswer(b *testing.B) {
	b.ReportAllocs()
	answer := "**Ranked list:** [6, 2, 0, 1, 3, 4, 5, 7, 8]\n**Reasons:** " + strings.Repeat("It has spots. ", 80)
	for b.Loop() {
		if _, err := parseAnswer(answer, 9); err != nil {
			b.Fatal(err)
		}
	}
}
