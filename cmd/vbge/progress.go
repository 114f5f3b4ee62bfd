package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows progress with rate and time left. A nil bar has not begun.
type bar struct {
	log        io.Writer
	what, unit string
	bar        *progressbar.ProgressBar
}

func newBar(log io.Writer, what, unit string) *bar { return &bar{log: log, what: what, unit: unit} }

func (b *bar) set(done, total int) {
	if b.bar == nil {
		every := 5 * time.Second // in a log file
		if f, ok := b.log.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			every = 100 * time.Millisecond
		}
		b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(b.log), progressbar.OptionSetDescription(b.what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(b.unit),
			progressbar.OptionThrottle(every), progressbar.OptionSetPredictTime(true))
	}
	b.bar.ChangeMax(total)
	// The only error is a bar set beyond its end.
	_ = b.bar.Set(done)
}

func (b *bar) finish() {
	if b != nil && b.bar != nil {
		fmt.Fprintln(b.log)
	}
}
