package otp

import "golang.org/x/text/language"

const defaultLocale = "en"

func localeNames() []string { return []string{defaultLocale, "id"} }

// locales chooses the language of a mail.
type locales struct {
	names   []string
	matcher language.Matcher
}

func newLocales() locales {
	l := locales{names: localeNames()}
	tags := make([]language.Tag, len(l.names))
	for i, name := range l.names {
		tags[i] = language.Make(name)
	}
	l.matcher = language.NewMatcher(tags)
	return l
}

// choose gives the language for a BCP 47 tag or a Django language code such as
// id-ID, en_us or in; English for what is unknown.
func (l locales) choose(tag string) string {
	for _, name := range l.names {
		if tag == name {
			return name
		}
	}
	if tag == "" || len(tag) > 64 {
		return defaultLocale
	}
	wanted, err := language.Parse(tag)
	if err != nil {
		return defaultLocale
	}
	_, i, confidence := l.matcher.Match(wanted)
	if confidence == language.No {
		return defaultLocale
	}
	return l.names[i]
}
