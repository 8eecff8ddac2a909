package testbed

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sespan/internal/devtools/devdb"
)

// Options are the flags that every tool has.
type Options struct {
	Out     io.Writer
	Dir     string // holds the database's folder, "" for the system's temporary one
	Binary  string // sespan
	Version string // of PostgreSQL, "" for the default
	Older   bool   // Binary's schema is older than this program: it makes schema, binding and key itself

	Parameters map[string]string // of the server, beside the testbed's own
}

// AddFlags adds them.
func (o *Options) AddFlags(flags *flag.FlagSet) {
	flags.StringVar(&o.Dir, "data", devdb.InMemory(), "folder for the database; memory by default where there is enough of it")
	flags.StringVar(&o.Binary, "sespan", "bin/sespan", "the binary to run")
	flags.StringVar(&o.Version, "postgres", "", "major version of the server, or the folder of an installed one")
}

// Check finds the binary, after the flags have been parsed.
func (o *Options) Check() error {
	if _, err := os.Stat(o.Binary); err != nil {
		return fmt.Errorf("%w: build it with make build, or name it with -sespan", err)
	}
	var err error
	o.Binary, err = filepath.Abs(o.Binary)
	return err
}

// Printf writes to Out.
func (o Options) Printf(format string, args ...any) { fmt.Fprintf(o.Out, format, args...) }
