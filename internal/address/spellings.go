package address

import (
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// Spellings gives the address to write to and, where a part of it is beyond ASCII,
// the other spellings of the same key in which a site may have stored it: the domain
// in its own alphabet, letters in upper or lower case. ASCII letters stand for both
// cases. They are what a look-up by an index asks for; none is of another key.
func Spellings(s string) []string {
	mailbox, err := Mailbox(s)
	if err != nil {
		return nil
	}
	key, err := Key(mailbox)
	if err != nil {
		return nil
	}
	at, cut := strings.LastIndexByte(mailbox, '@'), strings.LastIndexByte(key, '@')
	locals, domains := cased(mailbox[:at]), []string{mailbox[at+1:]}
	if own, err := profile().ToUnicode(mailbox[at+1:]); err == nil && own != mailbox[at+1:] {
		domains = append(domains, cased(own)...)
	}
	locals = append(locals, key[:cut])
	all := []string{mailbox}
	for _, domain := range domains {
		for _, local := range locals {
			spelling := local + "@" + domain
			known := slices.ContainsFunc(all, func(s string) bool { return Lower(s) == Lower(spelling) })
			if !known && Same(spelling, mailbox) {
				all = append(all, spelling)
			}
		}
	}
	return all
}

// cased gives a text beyond ASCII in all cases that people write.
func cased(s string) []string {
	if ASCII(s) {
		return []string{s}
	}
	return []string{s, cases.Lower(language.Und).String(s), cases.Upper(language.Und).String(s), cases.Title(language.Und).String(s)}
}
