// Command vbge embeds pictures, texts, and pictures with an instruction with Visualized-BGE,
// indexes pictures into Milvus, and searches them. Each subcommand has a file of its own, which
// only turns flags into the options of packages.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the Makefile.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends vbge at once
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is main with everything it touches handed over; it returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, log io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(log)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(log, "vbge:", printableLines(err.Error()))
	}
	return exitStatus(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "vbge",
		Short: "Search pictures by picture and words with Visualized-BGE and Milvus",
		Long: `vbge turns a picture, a text, or a picture with an instruction into one vector with
Visualized-BGE, and searches a Milvus collection with it.

Exit status: 0 all done, 1 some inputs failed or a comparison missed its bound,
2 wrong use, 3 nothing could be done (model, Milvus, device), 130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// A word that is no command is wrong use, not a reason for help with status 0.
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w: see `%s --help`", errUsage, err, c.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true // cobra's own: it works, and is not what vbge is for
	root.AddCommand(newConvert(), newInspect(), newExport(), newIndex(), newServe(), newSearch(), newEmbed(), newTokenize(), newPixels(),
		newVerify(), newBench(), newGPUCheck(), newDoctor(), newDemo(), newTutorial(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  vbge version",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "vbge %s\n", buildVersion())
			return err
		},
	}
}

// buildVersion falls back to what `go install` records.
func buildVersion() string {
	if version != "unknown" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return version
}
