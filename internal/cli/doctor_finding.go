package cli

import "fmt"

// state is what a check came to, from a closed list.
type state string

const (
	stateOK        state = "ok"
	stateWarning   state = "warning"     // works, and is worth a person's look
	stateWrong     state = "wrong"       // something does not work, or soon will not
	stateUnchecked state = "not_checked" // there is nothing to look at, or no way to
)

// The exit codes are those of monitoring plugins (Nagios, Icinga, Sensu): the worst
// finding decides.
const (
	exitOK = iota
	exitWarning
	exitWrong
	exitUnknown // nothing is wrong so far, and not every check came to its turn
)

// finding is one line of the doctor: how it is, and what to do.
type finding struct {
	State state  `json:"state"`
	Text  string `json:"text"`
	Mend  string `json:"mend,omitempty"`
}

func well(format string, args ...any) []finding {
	return []finding{{State: stateOK, Text: fmt.Sprintf(format, args...)}}
}

func warning(text, mend string) []finding { return []finding{{stateWarning, text, mend}} }

func wrong(text, mend string) []finding { return []finding{{stateWrong, text, mend}} }

func unchecked(text, mend string) []finding { return []finding{{stateUnchecked, text, mend}} }

// worst gives the state that counts of several.
func worst(findings []finding) state {
	rank := map[state]int{stateUnchecked: 0, stateOK: 1, stateWarning: 2, stateWrong: 3}
	out := stateUnchecked
	for _, f := range findings {
		if rank[f.State] > rank[out] {
			out = f.State
		}
	}
	return out
}
