package config

import (
	"fmt"
	"os"
	"strings"
)

// Error is a setting that cannot be used: which, why, and what to do. It never
// holds the value of a secret.
type Error struct {
	Variable string
	Problem  string
	Hint     string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %s; %s", e.Variable, e.Problem, e.Hint)
}

func invalid(variable, problem, hint string) error {
	return &Error{Variable: variable, Problem: problem, Hint: hint}
}

const maxSecretFile = 64 << 10

// required takes a value from its file when one is named, and insists on a value.
func required(value *string, file, variable, hint string) error {
	if err := optionalSecret(value, file, variable); err != nil {
		return err
	}
	if *value == "" {
		return invalid(variable, "is not set", hint)
	}
	return nil
}

func optionalSecret(value *string, file, variable string) error {
	if file == "" {
		return nil
	}
	if *value != "" {
		return invalid(variable, "and "+variable+"_FILE are both set", "keep one of the two")
	}
	raw, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return invalid(variable+"_FILE", "cannot be read: "+err.Error(), "name a file that this process may read")
	}
	if len(raw) > maxSecretFile {
		return invalid(variable+"_FILE", "names a file of over 64 KiB", "name the file that holds only this secret")
	}
	*value = strings.TrimSpace(string(raw))
	return nil
}
