package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Program is what --help and --version say of a program, and where.
type Program struct {
	Name, Description, Version string
	Out, Err                   io.Writer
	Exit                       func(int) // called after help or the version
}

// Parse reads the arguments and the environment into grammar, a struct with kong's
// tags. A mistake is one line that names the variable where the value may have come
// from one.
func Parse(grammar any, p Program, args []string) (*kong.Context, error) {
	parser, err := kong.New(grammar,
		kong.Name(p.Name), kong.Description(p.Description),
		kong.UsageOnError(), kong.Writers(p.Out, p.Err), kong.Exit(p.Exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Vars{"version": p.Version})
	if err != nil {
		return nil, err
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return nil, fmt.Errorf("%w (see %s --help)", plainWords(nameVariable(parser.Model, err)), p.Name)
	}
	return ctx, nil
}

// plainWords says what kong says of types and tokens for people who know neither.
func plainWords(err error) error {
	text := strings.NewReplacer(
		`expected a valid 64 bit int but got `, `must be a whole number, not `, `expected int value but got "EOL" (<EOL>)`, `has no value`,
		`expected string value but got "EOL" (<EOL>)`, `has no value`,
	).Replace(err.Error())
	if text == err.Error() {
		return err
	}
	return errors.New(strings.Replace(text, ": ", " ", 1))
}

// nameVariable names the variable in kong's message about a flag, as the value may
// have come from there.
func nameVariable(model *kong.Application, err error) error {
	flag, rest, ok := strings.Cut(strings.TrimPrefix(err.Error(), "--"), " ")
	if !ok || !strings.HasPrefix(err.Error(), "--") {
		return err
	}
	flag = strings.TrimSuffix(flag, ":")
	flags := model.Flags
	for _, leaf := range model.Leaves(false) {
		flags = slices.Concat(flags, leaf.Flags)
	}
	i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == flag && len(f.Envs) > 0 })
	if i < 0 {
		return err
	}
	return fmt.Errorf("%s (--%s) %s", flags[i].Envs[0], flag, rest)
}
