package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// diagnosisVersion is raised when a field of the JSON changes its meaning or goes.
const diagnosisVersion = 1

// diagnosis is what doctor --json prints; docs/doctor.md describes it.
type diagnosis struct {
	Version   int       `json:"version"`
	Status    string    `json:"status"` // ok, warning, wrong, unknown
	ExitCode  int       `json:"exit_code"`
	CheckedAt time.Time `json:"checked_at"`
	Seconds   float64   `json:"seconds"`
	Summary   summary   `json:"summary"`
	Checks    []line    `json:"checks"`
}

type summary struct {
	OK         int `json:"ok"`
	Warning    int `json:"warning"`
	Wrong      int `json:"wrong"`
	NotChecked int `json:"not_checked"`
}

type line struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	finding
}

func (r *diagnosis) add(c check, findings []finding) {
	for _, f := range findings {
		r.Checks = append(r.Checks, line{Group: c.group, Name: c.name, finding: f})
	}
}

// conclude counts and says what the whole came to.
func (r *diagnosis) conclude(took time.Duration, late bool) {
	r.Seconds = float64(took.Milliseconds()) / 1000
	for _, l := range r.Checks {
		switch l.State {
		case stateOK:
			r.Summary.OK++
		case stateWarning:
			r.Summary.Warning++
		case stateWrong:
			r.Summary.Wrong++
		case stateUnchecked:
			r.Summary.NotChecked++
		}
	}
	switch {
	case r.Summary.Wrong > 0:
		r.Status, r.ExitCode = "wrong", exitWrong
	case late:
		r.Status, r.ExitCode = "unknown", exitUnknown
	case r.Summary.Warning > 0:
		r.Status, r.ExitCode = "warning", exitWarning
	default:
		r.Status, r.ExitCode = "ok", exitOK
	}
}

// sentence is the failure in one line.
func (r *diagnosis) sentence() string {
	switch r.Status {
	case "unknown":
		return "the time was over before every check had its turn"
	case "wrong":
		return fmt.Sprintf("%d of the checks found a problem", r.Summary.Wrong)
	}
	return fmt.Sprintf("nothing is wrong; %s worth a look", count(r.Summary.Warning, "finding is", "findings are"))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// print writes the groups, a finding a line, and under it what to do.
func (r *diagnosis) print(w io.Writer) {
	width, group := 0, ""
	for _, l := range r.Checks {
		width = max(width, utf8.RuneCountInString(l.Name))
	}
	for i, l := range r.Checks {
		if l.Group != group {
			group = l.Group
			fmt.Fprintf(w, "%s%s\n", strings.Repeat("\n", min(i, 1)), strings.ToUpper(group[:1])+group[1:])
		}
		fmt.Fprintf(w, "  %-11s  %-*s  %s\n", mark(l.State), width, l.Name, oneLine(l.Text))
		if l.Mend != "" {
			fmt.Fprintf(w, "  %-11s  %-*s  → %s\n", "", width, "", oneLine(l.Mend))
		}
	}
	fmt.Fprintf(w, "\n%d ok, %s, %d wrong, %d not checked, in %.1f s\n", r.Summary.OK,
		count(r.Summary.Warning, "warning", "warnings"), r.Summary.Wrong, r.Summary.NotChecked, r.Seconds)
}

func mark(s state) string {
	return map[state]string{stateOK: "ok", stateWarning: "warning", stateWrong: "WRONG", stateUnchecked: "not checked"}[s]
}
