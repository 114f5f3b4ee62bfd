package main

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/pixels"
	"vbge/server/catalog"
	"vbge/weights"
)

func newDoctor() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what this machine and build can do, and what is missing",
		Example: "  vbge doctor --model models/base",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			diagnose(c.OutOrStdout(), dir)
			return nil
		},
	}
	addModelDir(c, &dir)
	return c
}

// diagnose prints a line for each part. Nothing is started: it works where much is broken.
func diagnose(out io.Writer, dir string) {
	report := func(part, format string, args ...any) {
		fmt.Fprintf(out, "%-10s %s\n", part, fmt.Sprintf(format, args...))
	}
	report("vbge", "%s, %s, %s/%s", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	report("processors", "%d usable", runtime.GOMAXPROCS(0))
	report("cpu", "%s", cpu.Describe())
	report("device", "--device auto is %s, --precision auto is float32", engine.AutomaticDevice())
	exact := "as the original, bit for bit"
	if !pixels.Exact() {
		exact = "a little differently from the original"
	}
	report("pictures", "%s: decoded %s", pixels.Decoders(), exact)
	if binary, err := catalog.FindBinary(); err != nil {
		report("milvus", "no local .db: %v", err)
	} else {
		report("milvus", "local .db by %s", binary)
	}
	report("model", "%s", describeModel(dir))
	report("rerank", "%s", describeKey())
	for _, caveat := range engine.Caveats() {
		report("note", "%s", caveat)
	}
}

func describeModel(dir string) string {
	f, err := weights.Open(dir)
	if err != nil {
		return "none: " + err.Error()
	}
	defer f.Close()
	c := f.Config()
	return fmt.Sprintf("%s: pictures of %d pixels, %d + %d layers of width %d, SHA-256 of its source %.12s...",
		dir, c.ImageSize, c.Vision.Layers, c.Text.Layers, c.Text.Hidden, f.ID())
}

func describeKey() string {
	if os.Getenv("OPENAI_API_KEY") == "" {
		return "no OPENAI_API_KEY: results stay in the order found"
	}
	return "OPENAI_API_KEY is set"
}
