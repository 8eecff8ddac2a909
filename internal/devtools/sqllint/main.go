// Command sqllint looks at the SQL of the migrations and of the roles:
//
//	go run ./internal/devtools/sqllint .venv/bin/squawk
//
// Each function that has its owner's rights (SECURITY DEFINER) pins its search_path. And
// squawk, a linter of migrations, finds what would block the site or break a client; what is
// left out of its rules stands in sql/squawk.toml, with the reason. It sees only the up
// parts, the beginning of each file, because a down part drops things on purpose.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	migrations  = "sql/migrations"
	roles       = "sql/roles.sql"
	config      = "sql/squawk.toml"
	downPart    = "---- create above / drop below ----"
	outsideOfTx = "---- tern: disable-tx ----"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "sqllint: name the program squawk")
		os.Exit(2)
	}
	found, err := lint(context.Background(), os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sqllint:", err)
	}
	if err != nil || found {
		os.Exit(1)
	}
}

func lint(ctx context.Context, squawk string) (found bool, err error) {
	paths, err := filepath.Glob(filepath.Join(migrations, "*.sql"))
	if err != nil || len(paths) == 0 {
		return false, fmt.Errorf("no migrations in %s (%w)", migrations, err)
	}
	work, err := os.MkdirTemp("", "sqllint-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	allow, met := allowed(), map[string]bool{}
	var transactions, outside []string
	for _, path := range append(paths, roles) {
		raw, err := os.ReadFile(path) //nolint:gosec // of this repository
		if err != nil {
			return false, err
		}
		up, _, _ := strings.Cut(string(raw), downPart)
		for _, line := range unpinned(up, allow, met) {
			fmt.Printf("%s:%d: SECURITY DEFINER without \"%s\" right behind it\n", path, line, strings.TrimSpace(pinned))
			found = true
		}
		part := filepath.Join(work, filepath.Base(path))
		if err := os.WriteFile(part, []byte(up), 0o600); err != nil { //nolint:gosec // in a folder of its own
			return false, err
		}
		if path == roles || strings.Contains(up, outsideOfTx) { // roles.sql has its own BEGIN
			outside = append(outside, part)
		} else {
			transactions = append(transactions, part)
		}
	}
	for line := range allow {
		if !met[line] {
			fmt.Printf("internal/devtools/sqllint: nothing needs the exception of %q\n", line)
			found = true
		}
	}
	inTx, err := run(ctx, work, squawk, append([]string{"--assume-in-transaction"}, transactions...))
	if err != nil {
		return false, err
	}
	apart, err := run(ctx, work, squawk, outside)
	return found || inTx || apart, err
}

// run gives squawk the files and prints what it finds, by the names of the originals.
func run(ctx context.Context, work, squawk string, args []string) (found bool, err error) {
	cmd := exec.CommandContext(ctx, squawk, append([]string{"--config", config, "--reporter", "gcc"}, args...)...) //nolint:gosec // the linter
	out, err := cmd.CombinedOutput()
	out = bytes.ReplaceAll(out, []byte(filepath.Join(work, "roles.sql")), []byte(roles))
	fmt.Print(string(bytes.ReplaceAll(out, []byte(work), []byte(migrations))))
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() == 1 { //nolint:errorlint // of Run itself
		return true, nil
	}
	return false, err
}
