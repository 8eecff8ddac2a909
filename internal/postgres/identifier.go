package postgres

import (
	"fmt"
	"strings"
)

// splitIdentifiers reads identifiers with dots between them, as SQL does: an
// unquoted one folds to lower case, a quoted one is as it stands with "" for ".
// It stops at what is neither and returns the rest.
func splitIdentifiers(text string) (parts []string, rest string, err error) {
	for {
		var part string
		if part, text, err = oneIdentifier(text); err != nil {
			return nil, "", err
		}
		parts = append(parts, part)
		if !strings.HasPrefix(text, ".") {
			return parts, text, nil
		}
		text = text[1:]
	}
}

func oneIdentifier(text string) (part, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, `.@"`)
		if end < 0 {
			end = len(text)
		}
		if part = strings.ToLower(strings.TrimSpace(text[:end])); part == "" {
			return "", "", fmt.Errorf("a name is missing before %q", text)
		}
		return part, text[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			b.WriteByte(text[i])
		case strings.HasPrefix(text[i:], `""`):
			b.WriteByte('"')
			i++
		case b.Len() == 0:
			return "", "", fmt.Errorf(`an empty name "" in %q`, text)
		default:
			return b.String(), text[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("a quote is not closed in %s", text)
}
