package main

import "fmt"

// verdict is one figure of the table at the end; without an aim it is only told.
type verdict struct {
	what       string
	value, aim float64
	unit       string // "" for a share
}

type verdicts struct{ list []verdict }

func (v *verdicts) add(what string, share, aim float64) {
	v.list = append(v.list, verdict{what: what, value: share, aim: aim})
}

func (v *verdicts) tell(what string, value float64, unit string) {
	v.list = append(v.list, verdict{what: what, value: value, unit: unit})
}

func (v *verdicts) print(printf func(string, ...any)) {
	printf("\n%-58s %14s  %s\n", "Figure", "measured", "aim")
	for _, one := range v.list {
		value, aim := fmt.Sprintf("%.2f", one.value), "–"
		if one.unit != "" {
			value = figure(one.value) + " " + one.unit
		}
		switch {
		case one.aim == 0:
		case one.value >= one.aim:
			aim = fmt.Sprintf("≥ %.2f, reached", one.aim)
		default:
			aim = fmt.Sprintf("≥ %.2f, MISSED", one.aim)
		}
		printf("%-58s %14s  %s\n", one.what, value, aim)
	}
}

func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
