// Package target is the table of figures at the end of a measurement: what was
// measured, and whether it reaches its target.
package target

import (
	"fmt"
	"io"
	"math"
)

// Figure is one line of the table; without a target it is only shown.
type Figure struct {
	Name          string
	Value, Target float64
	Unit          string // "" for a share or a count
	Max           bool   // the target is an upper bound
	Zero          bool   // of zero
}

// Report is the table.
type Report struct{ Figures []Figure }

// Share adds a share that shall be at least the target; 0 is no target.
func (r *Report) Share(name string, share, target float64) { r.AtLeast(name, share, target, "") }

// AtLeast adds a figure with a lower bound; 0 is none.
func (r *Report) AtLeast(name string, value, target float64, unit string) {
	r.Figures = append(r.Figures, Figure{Name: name, Value: value, Target: target, Unit: unit})
}

// AtMost adds a figure with an upper bound.
func (r *Report) AtMost(name string, value, target float64, unit string) {
	r.Figures = append(r.Figures, Figure{Name: name, Value: value, Target: target, Unit: unit, Max: true})
}

// Zero adds a count that must be zero.
func (r *Report) Zero(name string, count int) {
	r.Figures = append(r.Figures, Figure{Name: name, Value: float64(count), Max: true, Zero: true})
}

// Info adds a figure without a target.
func (r *Report) Info(name string, value float64, unit string) { r.AtLeast(name, value, 0, unit) }

// Print writes the table, nothing where there are no figures.
func (r *Report) Print(out io.Writer) {
	if len(r.Figures) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%-68s %14s  %s\n", "Figure", "measured", "target")
	for _, f := range r.Figures {
		fmt.Fprintf(out, "%-68s %14s  %s\n", f.Name, format(f.Value, f.Unit), f.Result())
	}
}

// Reached reports whether the figure reaches its target; without one it does.
func (f Figure) Reached() bool {
	switch {
	case f.Zero:
		return f.Value == 0
	case f.Target == 0:
		return true
	case f.Max:
		return f.Value <= f.Target
	default:
		return f.Value >= f.Target
	}
}

// Result is the target and whether it is reached, "–" without one.
func (f Figure) Result() string {
	bound := "≥ " + format(f.Target, f.Unit)
	switch {
	case f.Zero:
		bound = "0"
	case f.Target == 0:
		return "–"
	case f.Max:
		bound = "≤ " + format(f.Target, f.Unit)
	}
	if f.Reached() {
		return bound + ", reached"
	}
	return bound + ", MISSED"
}

func format(v float64, unit string) string {
	switch {
	case unit == "" && v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case unit == "":
		return fmt.Sprintf("%.2f", v)
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	default:
		return fmt.Sprintf("%.2f %s", v, unit)
	}
}
