package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"vbge/server/catalog"
)

// TestHelp is about every subcommand there is.
func TestHelp(t *testing.T) {
	commands := newRoot().Commands()
	if len(commands) != 16 {
		t.Errorf("%d subcommands", len(commands))
	}
	root := vbge(t).want(t, 0, "Exit status: 0 all done")
	if strings.Contains(root.out, "completion") {
		t.Error("the help lists a command that is not vbge's")
	}
	for _, c := range commands {
		o := vbge(t, c.Name(), "--help").want(t, 0, "Usage:\n  vbge "+c.Use, "Examples:\n")
		_, examples, _ := strings.Cut(o.out, "Examples:\n")
		if first, _, _ := strings.Cut(examples, "\n"); !strings.Contains(first, "vbge "+c.Name()) {
			t.Errorf("%s: the example is %q", c.Name(), first)
		}
		if !strings.Contains(root.out, c.Short) {
			t.Errorf("vbge's own help does not list %s", c.Name())
		}
	}
}

// TestDefaults are the ones that users rely on.
func TestDefaults(t *testing.T) {
	for command, defaults := range map[string][]string{
		"index":  {`--model string.*"models/base"`, `--uri string.*"./catalog.db"`, `--collection string.*"multimodal_rag_demo"`, `--device string.*"auto"`},
		"search": {`--model string.*"models/base"`, `--uri string.*"./catalog.db"`, `--collection string.*"multimodal_rag_demo"`, `--limit int.*9`, `--rerank-model string.*"gpt-4o"`},
		"verify": {`--max-difference float.*5e-6`, `--min-cosine float.*0.999999`},
	} {
		help := vbge(t, command, "--help").out
		for _, d := range defaults {
			if !regexp.MustCompile(d).MatchString(help) {
				t.Errorf("%s: no line like %s in\n%s", command, d, help)
			}
		}
		if strings.Contains(help, "api-key") || strings.Contains(help, "--token ") {
			t.Errorf("%s takes a secret as a flag", command)
		}
	}
}

func TestWrongUse(t *testing.T) {
	tests := []struct {
		args string
		says []string
	}{
		{"serch", []string{`unknown command "serch"`, "vbge --help"}},
		{"search extra", []string{`"extra"`, "vbge search --help"}},
		{"search --colour red", []string{"--colour", "vbge search --help"}},
		{"search --limit many", []string{"--limit", "many"}},
		{"search --text mug --limit 0", []string{"--limit 0", "1 to 16384"}},
		{"search --text mug --limit 16385", []string{"--limit 16385", "1 to 16384"}},
		{"index", []string{"accepts 1 arg", "vbge index --help"}},
		{"convert", []string{"accepts 1 arg"}},
		{"verify", []string{"accepts 1 arg"}},
		{"version now", []string{`"now"`}},
		{"doctor all", []string{`"all"`}},
		{"demo --data none", []string{"none", "--data"}},
		{"demo --device abacus", []string{"--device abacus"}},
		{"tutorial --precision int3", []string{"--precision int3"}},
		{"bench --kinds film", []string{"film", "image, pair, text"}},
		{"bench --batches 0", []string{"--batches"}},
		{"bench --batches 1,x", []string{"--batches"}},
		{"bench --rounds 0", []string{"--rounds"}},
		{"bench --time -1s", []string{"--time"}},
		{"bench --threads -1", []string{"--threads"}},
		{"--loud", []string{"--loud", "vbge --help"}},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			o := vbge(t, strings.Fields(test.args)...).want(t, 2, append(test.says, "vbge: wrong use: ")...)
			if o.out != "" || strings.Count(o.log, "\n") != 1 {
				t.Errorf("it says more than one line: %s%s", o.out, o.log)
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	lost := fmt.Errorf("lost: %w", catalog.ErrUnreachable)
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{fmt.Errorf("%w: 2 of 3", errSomeFailed), 1},
		{fmt.Errorf("%w: no such flag", errUsage), 2},
		{fmt.Errorf("search: %w", catalog.ErrFilter), 2},
		{lost, 3},
		{context.DeadlineExceeded, 3},
		{fmt.Errorf("stopped: %w", context.Canceled), 130},
		{errors.Join(fmt.Errorf("stopped: %w", context.Canceled), lost), 130},
	}
	for _, test := range tests {
		if got := exitStatus(test.err); got != test.want {
			t.Errorf("%v: status %d, want %d", test.err, got, test.want)
		}
	}
}
