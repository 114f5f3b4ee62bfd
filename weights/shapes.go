package weights

import (
	"fmt"
	"slices"
)

// ShapesModel is a model whose weights are all 0. Plans that need no values are made with it.
type ShapesModel struct{ *RandomModel }

// Shapes returns the model of that configuration with all weights 0.
func Shapes(cfg Config) ShapesModel { return ShapesModel{Random(cfg, 0)} }

// Float32 returns a new slice of zeros, or an error as RandomModel's does.
func (m ShapesModel) Float32(name string, shape ...int) ([]float32, error) {
	t, ok := m.tensors[name]
	if !ok || !slices.Equal(t.shape, shape) {
		return nil, fmt.Errorf("shapes of a model: %w", &TensorError{Name: name, Want: shape, Found: t.shape})
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	return make([]float32, n), nil
}
