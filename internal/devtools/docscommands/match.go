package docscommands

import (
	"regexp"
	"strings"
)

const anything = "…"

// Mismatch says what of the shown lines was not printed; empty where all were. Runs of
// blanks and dashes are one, because tables are as wide as their values; empty lines at
// the end do not count.
func Mismatch(shown, printed []string) string {
	if matches(trimmed(shown), trimmed(printed)) {
		return ""
	}
	return "the page shows\n\t" + strings.Join(shown, "\n\t") + "\nand printed was\n\t" + strings.Join(printed, "\n\t")
}

func trimmed(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		out = append(out, dashes.ReplaceAllString(strings.Join(strings.Fields(line), " "), "---"))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

func matches(shown, printed []string) bool {
	if len(shown) == 0 {
		return len(printed) == 0
	}
	if shown[0] == anything {
		for skip := range len(printed) + 1 {
			if matches(shown[1:], printed[skip:]) {
				return true
			}
		}
		return false
	}
	return len(printed) > 0 && line(shown[0]).MatchString(printed[0]) && matches(shown[1:], printed[1:])
}

// dashes are the rule below the heads of a table.
var dashes = regexp.MustCompile(`-{3,}`)

// line is what a printed line has to be, where anything may stand for anything.
func line(shown string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(shown), anything, ".*") + "$")
}
