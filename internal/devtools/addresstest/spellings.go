// Package addresstest has addresses for the tests of those who compare them.
package addresstest

import "strings"

// Spellings gives 128 spellings of victim@example.com: each letter of the domain's
// first label plain, or in a wide, circled, capital or mathematical form.
func Spellings() []string {
	letters := [7][2]string{{"e", "ｅ"}, {"x", "ⓧ"}, {"a", "𝐚"}, {"m", "Ⓜ"}, {"p", "ｐ"}, {"l", "𝓁"}, {"e", "E"}}
	all := make([]string, 0, 1<<len(letters))
	for n := range 1 << len(letters) {
		var s strings.Builder
		s.WriteString("victim@")
		for i, forms := range letters {
			s.WriteString(forms[n>>i&1])
		}
		all = append(all, s.String()+".com")
	}
	return all
}
