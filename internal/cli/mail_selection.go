package cli

import "sespan/internal/config"

// MailSelection selects mails to change: by id, or all in a state or of a category.
type MailSelection struct {
	IDs      []int64 `arg:"" optional:"" name:"id" help:"Ids of mails."`
	Dead     bool    `help:"All dead mails; the same as --state dead."`
	State    string  `enum:"any,queued,scheduled,retry,unknown,dead" default:"any" help:"All mails with a recipient in this state."`
	Category *string `placeholder:"NAME" help:"All mails of this category that wait or are dead, or those of the chosen state."`
}

// anyState is what --state says when it is not given. An empty one is refused.
const anyState = "any"

func stateFilter(state string) string {
	if state == anyState {
		return ""
	}
	return state
}

// Check tells whether mails are selected, and in one way only, and which: "" is any
// state, any category. An empty category is refused: it stands for a variable that
// was not set, and must not choose the mails of all.
func (c *MailSelection) Check() (state, category string, err error) {
	state = stateFilter(c.State)
	if c.Dead {
		if state != "" && state != "dead" {
			return "", "", &config.Error{Variable: "--state", Problem: "contradicts --dead", Hint: "give one of the two"}
		}
		state = "dead"
	}
	if c.Category != nil {
		if category = *c.Category; category == "" {
			return "", "", &config.Error{Variable: "--category", Problem: "is empty", Hint: "name a category, or leave it out"}
		}
	}
	chosen := state != "" || category != ""
	switch {
	case len(c.IDs) > 0 && chosen:
		err = &config.Error{Variable: "the ids", Problem: "came together with --dead, --state or --category", Hint: "give one of the two"}
	case len(c.IDs) == 0 && !chosen:
		err = &config.Error{Variable: "the ids", Problem: "are missing", Hint: "name mails, or choose them by --dead, --state or --category"}
	}
	return state, category, err
}
