package main

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"vbge/tokenizer"
	"vbge/weights"
)

func newTokenize() *cobra.Command {
	var dir string
	var limit int
	c := &cobra.Command{
		Use:   "tokenize",
		Short: "Turn the JSON strings on standard input into token ids",
		Long: `Reads one JSON string a line and writes its ids, [CLS] and [SEP] included, as a JSON array,
or null for a line that is no JSON string.`,
		Example: `  echo '"phone case with this image theme"' | vbge tokenize --model models/base`,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if limit != 0 && limit < 2 {
				return fmt.Errorf("%w: --max-length %d has no room for [CLS] and [SEP]", errUsage, limit)
			}
			folder, err := weights.Open(dir)
			if err != nil {
				return err
			}
			defer folder.Close()
			t, err := tokenizer.Load(folder.VocabPath())
			if err != nil {
				return err
			}
			out := bufio.NewWriter(c.OutOrStdout())
			ids, number, failed := []int32{}, 0, 0
			for lines, err := range chunks(c.Context(), c.InOrStdin(), 1) {
				if err != nil {
					return err
				}
				number++
				var text *string
				if err := json.Unmarshal(lines[0], &text); err != nil || text == nil {
					failed++
					fmt.Fprintf(c.ErrOrStderr(), "vbge: line %d is no JSON string: %.80s\n", number, lines[0])
					fmt.Fprintln(out, "null")
					continue
				}
				ids = t.Encode(ids[:0], *text, limit)
				if err := json.NewEncoder(out).Encode(ids); err != nil {
					return err
				}
			}
			if err := out.Flush(); err != nil {
				return err
			}
			if failed > 0 {
				return fmt.Errorf("%w: %d of %d lines failed", errSomeFailed, failed, number)
			}
			return nil
		},
	}
	addModelDir(c, &dir)
	c.Flags().IntVar(&limit, "max-length", 0, "truncate to this many ids, [CLS] and [SEP] counted; 0 does not")
	return c
}
