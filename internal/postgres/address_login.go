package postgres

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// The two forms of an address: what stands before and after the user of a URL, and
// keyword=value.
var (
	urlForm     = regexp.MustCompile(`^(postgres(?:ql)?://)([^/?#]*)(/[^?#]*)?(?:\?([^#]*))?$`)
	keywordForm = regexp.MustCompile(`\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)`)
	urlPort     = regexp.MustCompile(`:[0-9]+(,|$)`)
)

var errNoAddress = errors.New("not a PostgreSQL URL")

// LoginAddress gives the same database for another login: name, password and file of
// passwords of the first are not in it. What the environment of this process completes
// is written down, because another process lacks it. The login and its password are of
// letters, digits and _ alone.
func LoginAddress(address, login, password string) (string, error) {
	t, err := TargetOf(address)
	if err != nil {
		return "", err
	}
	if m := urlForm.FindStringSubmatch(address); m != nil {
		return loginURL(m, t, login, password)
	}
	if strings.Contains(address, "://") {
		return "", errNoAddress
	}
	return loginKeywords(address, t, login, password), nil
}

func loginURL(form []string, t Target, login, password string) (string, error) {
	hosts, path := form[2][strings.LastIndex(form[2], "@")+1:], form[3]
	var given, kept []string
	if hosts != "" {
		given = append(given, "host")
	}
	if urlPort.MatchString(hosts) {
		given = append(given, "port")
	}
	if len(path) > 1 {
		given = append(given, "dbname")
	}
	for _, pair := range strings.FieldsFunc(form[4], func(r rune) bool { return r == '&' }) {
		escaped, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(escaped)
		if err != nil {
			return "", errNoAddress
		}
		if !ofLogin(name) {
			given, kept = append(given, name), append(kept, pair)
		}
	}
	for _, more := range t.completion(given) {
		kept = append(kept, more.name+"="+strings.ReplaceAll(url.QueryEscape(more.value), "+", "%20"))
	}
	out := form[1] + login + ":" + password + "@" + hosts + path
	if len(kept) > 0 {
		out += "?" + strings.Join(kept, "&")
	}
	return out, nil
}

func loginKeywords(address string, t Target, login, password string) string {
	var given []string
	kept := []string{"user=" + login, "password=" + password}
	for _, m := range keywordForm.FindAllStringSubmatch(address, -1) {
		if !ofLogin(m[1]) {
			given, kept = append(given, m[1]), append(kept, m[1]+"="+m[2])
		}
	}
	for _, more := range t.completion(given) {
		kept = append(kept, more.name+"='"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(more.value)+"'")
	}
	return strings.Join(kept, " ")
}

func ofLogin(name string) bool { return name == "user" || name == "password" || name == "passfile" }

type parameter struct{ name, value string }

// completion is what an address leaves to its environment. A service says by itself
// where it leads; the database may come from the login's name, whatever else is given.
func (t Target) completion(given []string) []parameter {
	var more []parameter
	is := func(name string) bool { return slices.Contains(given, name) }
	if !is("host") && !is("service") {
		more = append(more, parameter{"host", strings.Join(t.Hosts, ",")})
	}
	unusual := slices.ContainsFunc(t.Ports, func(port string) bool { return port != "5432" })
	if unusual && !is("port") && !is("service") {
		more = append(more, parameter{"port", strings.Join(t.Ports, ",")})
	}
	if !is("dbname") && !is("database") {
		more = append(more, parameter{"dbname", t.Database})
	}
	return more
}
