package docscommands

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Step is what one fence, or one mark, of a page asks for.
type Step struct {
	Line    int    // of the page
	Section string // the last heading
	Prepare string // a mark: what the test does; nothing else is set then
	NotRun  string // why it is left out

	Language string // console or sql
	Service  string // of pg_service.conf, for sql; empty for the first
	Text     string
	Output   []string // what sql prints; nil where the page does not show it
	Shown    bool     // Output is shown
}

// Command is one command of a console fence, with what it prints.
type Command struct {
	Text   string
	Output []string
}

var (
	mark  = regexp.MustCompile(`^\s*<!-- (prepare|not run): (.+?) -->\s*$`)
	fence = regexp.MustCompile("^\\s*```(\\w*)\\s*(?:service=(\\w+))?\\s*$")
)

// Read gives the steps of a page in their order.
func Read(path string) ([]Step, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // a page of this project
	if err != nil {
		return nil, err
	}
	return parse(strings.Split(string(raw), "\n"))
}

func parse(lines []string) (steps []Step, err error) {
	section, notRun := "", ""
	for i := 0; i < len(lines); i++ {
		if m := mark.FindStringSubmatch(lines[i]); m != nil {
			if m[1] == "not run" {
				notRun = m[2]
			} else {
				steps = append(steps, Step{Line: i + 1, Section: section, Prepare: m[2]})
			}
			continue
		}
		if strings.HasPrefix(lines[i], "#") {
			section = strings.TrimLeft(lines[i], "# ")
		}
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			if notRun != "" && strings.TrimSpace(lines[i]) != "" {
				return nil, fmt.Errorf("line %d: a fence has to follow its mark", i+1)
			}
			continue
		}
		step := Step{Line: i + 1, Section: section, Language: m[1], Service: m[2], NotRun: notRun}
		var body []string
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			body = append(body, lines[i])
		}
		if i == len(lines) {
			return nil, fmt.Errorf("line %d: the fence has no end", step.Line)
		}
		step.Text, notRun = strings.Join(body, "\n"), ""
		steps, err = add(steps, step, body)
		if err != nil {
			return nil, err
		}
	}
	return steps, nil
}

// add appends a fence that can be run, or puts what a text fence shows to the sql before it.
func add(steps []Step, step Step, body []string) ([]Step, error) {
	switch step.Language {
	case "console":
		if _, err := step.Commands(); err != nil {
			return nil, err
		}
		return append(steps, step), nil
	case "sql":
		return append(steps, step), nil
	case "text":
		if last := len(steps) - 1; last >= 0 && steps[last].Language == "sql" && !steps[last].Shown {
			steps[last].Output, steps[last].Shown = body, true
		}
	}
	return steps, nil
}

// Commands takes a console fence apart.
func (s Step) Commands() ([]Command, error) {
	var commands []Command
	going := false
	for line := range strings.SplitSeq(s.Text, "\n") {
		last := len(commands) - 1
		text, typed := strings.CutPrefix(line, "$ ")
		switch {
		case typed:
			commands = append(commands, Command{Text: text})
		case going:
			commands[last].Text += "\n" + line
		case last < 0:
			return nil, fmt.Errorf("line %d: a console fence begins with a command after \"$ \"", s.Line)
		default:
			commands[last].Output = append(commands[last].Output, line)
		}
		going = (typed || going) && strings.HasSuffix(line, `\`)
	}
	return commands, nil
}
