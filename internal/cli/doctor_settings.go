package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"sespan/internal/app"
)

// checkSettings reads every setting as serve does.
func (x *examination) checkSettings(context.Context) []finding {
	if err := app.CheckSettings(x.settings); err != nil {
		return settingError(err)
	}
	if len(x.unknown) > 0 {
		return warning(strings.Join(x.unknown, ", ")+": no setting has this name, so it sets nothing", "correct the name (docs/configuration.md lists all), or take it out")
	}
	return well("every value is usable")
}

// checkSecretKeys finds keys that somebody could guess.
func (x *examination) checkSecretKeys(context.Context) []finding {
	weak := x.settings.Ring.Weak()
	for id, reason := range x.settings.Events.Weak() {
		weak = append(weak, fmt.Sprintf("%s of SESPAN_MAIL_EVENT_KEYS %s", id, reason))
	}
	if len(weak) > 0 {
		slices.Sort(weak)
		return wrong("weak: "+strings.Join(weak, "; "), `make a random one: echo "2:$(openssl rand -base64 32)", put it in front, and drop the weak one when nothing is sealed with it any more`)
	}
	return well("SESPAN_SECRET_KEYS holds %s, %q signs", count(x.settings.Ring.Len(), "key", "keys"), x.settings.Ring.Current())
}

// checkFiles looks for secrets that everybody on this machine may read.
func (x *examination) checkFiles(context.Context) []finding {
	var out []finding
	for _, variable := range slices.Sorted(maps.Keys(x.files)) {
		path := x.files[variable]
		info, err := os.Stat(path)
		if err != nil {
			continue // the settings say so
		}
		if info.Mode().Perm()&0o006 != 0 {
			out = append(out, warning(fmt.Sprintf("%s (%s) may be read or written by everybody on this machine", path, variable), "chmod 600 "+path)...)
		}
	}
	switch {
	case len(out) > 0:
		return out
	case len(x.files) == 0:
		return unchecked("no secret comes from a file", "")
	}
	return well("no secret file is open to everybody (%s)", strings.Join(slices.Sorted(maps.Values(x.files)), ", "))
}
