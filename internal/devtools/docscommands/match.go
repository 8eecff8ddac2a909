package docscommands

import (
	"regexp"
	"strings"
)

const anything = "…"

// Mismatch says what of the shown lines was not printed; empty where all were. Blanks at
// the end of a line and empty lines at the end do not count.
func Mismatch(shown, printed []string) string {
	if matches(trimmed(shown), trimmed(printed)) {
		return ""
	}
	return "the page shows\n\t" + strings.Join(shown, "\n\t") + "\nand printed was\n\t" + strings.Join(printed, "\n\t")
}

func trimmed(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		out = append(out, strings.TrimRight(line, " \t\r"))
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
	if strings.TrimSpace(shown[0]) == anything {
		for skip := range len(printed) + 1 {
			if matches(shown[1:], printed[skip:]) {
				return true
			}
		}
		return false
	}
	return len(printed) > 0 && line(shown[0]).MatchString(printed[0]) && matches(shown[1:], printed[1:])
}

// line lets runs of blanks, which psql makes as wide as its values, be of any length
// around something that stands for anything.
func line(shown string) *regexp.Regexp {
	if !strings.Contains(shown, anything) {
		return regexp.MustCompile("^" + regexp.QuoteMeta(shown) + "$")
	}
	var pattern strings.Builder
	for i, field := range strings.Fields(shown) {
		if i > 0 {
			pattern.WriteString(`\s+`)
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(field), anything, ".*"))
	}
	return regexp.MustCompile(`^\s*` + pattern.String() + `\s*$`)
}
