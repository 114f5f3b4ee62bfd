package main

import (
	"fmt"

	"vbge/engine"
	"vbge/weights"
)

// needPictures returns why the model cannot do what is wrong use of one for texts alone: before it is loaded, which
// takes seconds.
func (m *modelFlags) needPictures(what string) error {
	if m.dir == randomModel {
		return nil
	}
	folder, err := weights.Open(m.dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	if folder.Config().TakesPictures() {
		return nil
	}
	return fmt.Errorf("%w: %s: %s: %w", errUsage, what, m.dir, engine.ErrNoVision)
}
