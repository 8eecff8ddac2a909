package main

import (
	"fmt"
	"math"
)

// verdict is one figure of the table at the end; without an aim it is only told.
type verdict struct {
	what       string
	value, aim float64
	unit       string // "" for a share
	most       bool   // the aim is an upper bound
	zero       bool   // of zero
}

type verdicts struct{ list []verdict }

// add notes a share that shall be at least aim; 0 is no aim.
func (v *verdicts) add(what string, share, aim float64) { v.least(what, share, aim, "") }

func (v *verdicts) least(what string, value, aim float64, unit string) {
	v.list = append(v.list, verdict{what: what, value: value, aim: aim, unit: unit})
}

func (v *verdicts) atMost(what string, value, aim float64, unit string) {
	v.list = append(v.list, verdict{what: what, value: value, aim: aim, unit: unit, most: true})
}

// exactly notes a count that must be zero.
func (v *verdicts) exactly(what string, count int) {
	v.list = append(v.list, verdict{what: what, value: float64(count), most: true, zero: true})
}

func (v *verdicts) tell(what string, value float64, unit string) { v.least(what, value, 0, unit) }

func (v *verdicts) print(printf func(string, ...any)) {
	if len(v.list) == 0 {
		return
	}
	printf("\n%-68s %14s  %s\n", "Figure", "measured", "aim")
	for _, one := range v.list {
		printf("%-68s %14s  %s\n", one.what, figure(one.value, one.unit), one.judge())
	}
}

func (v verdict) judge() string {
	switch {
	case v.zero && v.value == 0:
		return "0, reached"
	case v.zero:
		return "0, MISSED"
	case v.aim == 0:
		return "–"
	}
	sign, reached := "≥", v.value >= v.aim
	if v.most {
		sign, reached = "≤", v.value <= v.aim
	}
	if reached {
		return sign + " " + figure(v.aim, v.unit) + ", reached"
	}
	return sign + " " + figure(v.aim, v.unit) + ", MISSED"
}

func figure(v float64, unit string) string {
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
