package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"vbge/server/load"
)

// print writes a report as JSON or as tables.
func (b *benchHTTP) print(r *httpReport, out io.Writer) error {
	if b.json {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "%s, %s; %d rounds of %v\n", b.url, b.what(), b.rounds, b.load.Time)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tper second\tp50 ms\tp90 ms\tp99 ms\tmax ms\tbytes each\t  of the rounds")
	row := func(name string, y load.Result, rate func(httpRound) float64) {
		var rounds []string
		for _, round := range r.Rounds {
			rounds = append(rounds, fmt.Sprintf("%.2f", rate(round)))
		}
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t  %s\n", name, y.PerSecond, y.Latency.P50, y.Latency.P90,
			y.Latency.P99, y.Latency.Max, y.BytesPerAnswer, strings.Join(rounds, " "))
	}
	row("over HTTP", r.Server, func(x httpRound) float64 { return x.Server })
	if r.InProcess != nil {
		row("in process", *r.InProcess, func(x httpRound) float64 { return x.InProcess })
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.InProcess != nil {
		fmt.Fprintf(out, "share over HTTP: %.1f%%\n", 100*r.Share)
	}
	return printDetails(r.Server, out)
}

// what describes the requests.
func (b *benchHTTP) what() string {
	var parts []string
	if b.load.Rate > 0 {
		parts = append(parts, fmt.Sprintf("%v requests a second", b.load.Rate))
	} else {
		parts = append(parts, fmt.Sprintf("%d clients", b.load.Clients))
	}
	if b.body != "" {
		return strings.Join(append(parts, b.body+" to "+b.path), ", ")
	}
	for _, kind := range sortedKeys(b.kinds) {
		parts = append(parts, fmt.Sprintf("%s=%d", kind, b.kinds[kind]))
	}
	return strings.Join(append(parts, "payload "+b.payload, b.encoding), ", ")
}

// printDetails writes outcomes, stages, and what the server says of itself.
func printDetails(r load.Result, out io.Writer) error {
	var outcomes []string
	for _, outcome := range sortedKeys(r.Outcomes) {
		outcomes = append(outcomes, fmt.Sprintf("%s: %d", outcome, r.Outcomes[outcome]))
	}
	if r.Unsent > 0 {
		outcomes = append(outcomes, fmt.Sprintf("due, but no client was free: %d", r.Unsent))
	}
	fmt.Fprintf(out, "requests by status: %s\n", strings.Join(outcomes, ", "))
	if q := r.Refusals; q != nil {
		fmt.Fprintf(out, "refused (429, 503) after: p50 %.2f, p90 %.2f, p99 %.2f, at most %.2f ms\n", q.P50, q.P90, q.P99, q.Max)
	}
	if len(r.Stages) > 0 {
		fmt.Fprintf(out, "stages, mean of a request: %s\n", r.Stages)
	}
	if r.Server == nil && r.NoServer != "" {
		_, err := fmt.Fprintf(out, "the server's own figures are missing: %s\n", r.NoServer)
		return err
	}
	if r.Server == nil {
		return nil
	}
	s := r.Server
	fmt.Fprintf(out, "server: %.3f ms of processor time each\n", s.CPUPerAnswer)
	if s.Passes == 0 { // a server of another kind
		return nil
	}
	_, err := fmt.Fprintf(out, "batches: %.0f of %.1f inputs (%.0f tokens, %.1f pictures), %.2f ms each; %.0f pictures from the cache\n",
		s.Passes, s.InputsPerPass, s.TokensPerPass, s.PicturesPerPass, s.PassTime, s.CacheHits)
	return err
}

// printFigure writes a figure, its goal, and what it comes from.
func printFigure(y load.Figure, out io.Writer) error {
	var rounds []string
	for _, v := range y.Rounds {
		rounds = append(rounds, fmt.Sprintf("%.4g", v))
	}
	goal := ""
	if y.Goal != nil {
		bound, met := "at most", "met"
		if y.AtLeast {
			bound = "at least"
		}
		if !y.Met() {
			met = "MISSED"
		}
		goal = fmt.Sprintf(" (goal: %s %.4g: %s)", bound, *y.Goal, met)
	}
	_, err := fmt.Fprintf(out, "%s: %.4g %s%s\n    rounds %s; %s\n", y.Name, y.Value, y.Unit, goal, strings.Join(rounds, ", "), y.Of)
	return err
}
