package cli

import (
	"context"
	"os/user"

	"sespan/internal/access"
)

// osUser is the user of the operating system who runs the command.
func osUser() string {
	if u, err := user.Current(); err == nil && actorPattern.MatchString(u.Username) {
		return u.Username
	}
	return "unknown"
}

// byPerson names who is at work, for the audit. The service acts for nobody: there
// each call brings its own.
func byPerson(ctx context.Context, command string) context.Context {
	if command == "serve" {
		return ctx
	}
	return access.WithActor(ctx, access.Actor{Name: osUser(), Way: access.WayCLI})
}
