package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/engine/bench"
	"vbge/engine/golden"
	"vbge/server/recall"
)

// quality is `vbge bench quality`.
type quality struct {
	model      modelFlags
	precisions []string
	reference  string
	demo       demo
}

// qualityRow is how near a precision comes to float32 on a set of inputs.
type qualityRow struct {
	Inputs    string         `json:"inputs"` // golden or demo
	Precision string         `json:"precision"`
	Vectors   int            `json:"vectors"`
	Smallest  float64        `json:"smallest_cosine"`
	Mean      float64        `json:"mean_cosine"`
	Recall    []recall.Score `json:"recall,omitempty"` // of the demo's queries, by task
}

func newQuality() *cobra.Command {
	var q quality
	var asJSON bool
	c := &cobra.Command{
		Use:   "quality",
		Short: "Measure what each precision costs: cosines to float32, recall",
		Long: `Embeds two sets of inputs in each precision. golden: the golden inputs of the full-size model with
random weights, beside what the original makes of them in float32. demo: the pictures and queries in
--data, beside float32 here, and how often an exact search finds what it should. The demo's model is
its own, converted once into --out, or that of --model. No Milvus is needed.`,
		Example: "  vbge bench quality --precisions float32,bfloat16,int8 --json",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			rows, err := q.measure(c.Context(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(rows)
			}
			return printQuality(c.OutOrStdout(), rows)
		},
	}
	f := c.Flags()
	f.StringVar(&q.model.dir, "model", "", "model folder to embed the demo with; by default the demo's own")
	q.model.addEngine(c)
	f.Lookup("precision").Hidden = true
	f.StringSliceVar(&q.precisions, "precisions", []string{"float32", "bfloat16", "int8"}, "to measure")
	f.StringVar(&q.reference, "reference", "engine/testdata/reference", `folder with the golden vectors; "" leaves the set out`)
	f.StringVar(&q.demo.data, "data", "docs/demo", `folder with the demo's data; "" leaves the set out`)
	f.StringVar(&q.demo.out, "out", "build/demo", "folder for the demo's model")
	f.BoolVar(&asJSON, "json", false, "print the rows as JSON")
	return c
}

func (q *quality) measure(ctx context.Context, log io.Writer) ([]qualityRow, error) {
	var rows []qualityRow
	if q.reference != "" {
		for _, precision := range q.precisions {
			got, want, err := bench.Golden(ctx, q.options(precision), q.reference)
			if err != nil {
				return nil, err
			}
			rows = append(rows, newQualityRow("golden", precision, got, want))
		}
	}
	if q.demo.data != "" {
		more, err := q.measureDemo(ctx, log)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

func (q *quality) options(precision string) engine.Options {
	o := q.model.options
	o.Precision = precision
	return o
}

func newQualityRow(inputs, precision string, got, want [][]float32) qualityRow {
	r := qualityRow{Inputs: inputs, Precision: precision, Vectors: len(got)}
	r.Smallest, r.Mean = golden.Cosines(got, want)
	return r
}

// measureDemo embeds the demo in float32, and then in each precision.
func (q *quality) measureDemo(ctx context.Context, log io.Writer) ([]qualityRow, error) {
	c, err := recall.OpenCollection(q.demo.data)
	if err != nil {
		return nil, fmt.Errorf("%w: no demo in --data: %w", errUsage, err)
	}
	dir := q.model.dir
	if dir == "" {
		if err := q.demo.convert(ctx, log); err != nil {
			return nil, err
		}
		dir = q.demo.model.dir
	}
	exact, err := embedCollection(ctx, c, dir, q.options("float32"))
	if err != nil {
		return nil, err
	}
	var rows []qualityRow
	for _, precision := range q.precisions {
		v := exact
		if precision != "float32" {
			if v, err = embedCollection(ctx, c, dir, q.options(precision)); err != nil {
				return nil, err
			}
		}
		r := newQualityRow("demo", precision, append(v.Pictures[:len(v.Pictures):len(v.Pictures)], v.Queries...),
			append(exact.Pictures[:len(exact.Pictures):len(exact.Pictures)], exact.Queries...))
		if r.Recall, err = c.Scores(ctx, v); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func embedCollection(ctx context.Context, c *recall.Collection, dir string, o engine.Options) (recall.Vectors, error) {
	e, err := engine.Open(dir, o)
	if err != nil {
		return recall.Vectors{}, err
	}
	defer e.Close()
	return c.Embed(ctx, e)
}

func printQuality(out io.Writer, rows []qualityRow) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "inputs\tprecision\tvectors\tsmallest cosine\tmean cosine\trecall@1\trecall@9\t")
	for _, r := range rows {
		var first, nine []string
		for _, s := range r.Recall {
			first = append(first, fmt.Sprintf("%s %.3f", s.Task, s.At1))
			nine = append(nine, fmt.Sprintf("%.3f", s.At9))
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%.6f\t%.6f\t%s\t%s\t\n", r.Inputs, r.Precision, r.Vectors, r.Smallest, r.Mean,
			cmp.Or(strings.Join(first, ", "), "-"), cmp.Or(strings.Join(nine, ", "), "-"))
	}
	return t.Flush()
}
