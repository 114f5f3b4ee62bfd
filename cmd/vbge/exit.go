package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/index"
	"vbge/server/search"
)

// Exit statuses, the same for every subcommand.
const (
	exitDone        = 0
	exitSomeFailed  = 1
	exitUsage       = 2
	exitNothing     = 3
	exitInterrupted = 130
)

var (
	// errUsage is wrapped by errors about flags and arguments.
	errUsage = errors.New("wrong use")
	// errSomeFailed is wrapped where some inputs failed, or a comparison missed its bound.
	errSomeFailed = errors.New("not all done")
)

func exitStatus(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errSomeFailed):
		return exitSomeFailed
	case errors.Is(err, errUsage), errors.Is(err, engine.ErrTokenBudget), errors.Is(err, engine.ErrOptions),
		errors.Is(err, engine.ErrNoVision), errors.Is(err, search.ErrQuery),
		errors.Is(err, catalog.ErrFilter), errors.Is(err, catalog.ErrInvalid),
		errors.Is(err, index.ErrMetadata):
		return exitUsage
	}
	return exitNothing
}

// usageArgs makes a wrong number of arguments wrong use.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return fmt.Errorf("%w: %w: see `%s --help`", errUsage, err, c.CommandPath())
		}
		return nil
	}
}
