package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// The Django app warns of a schema that is older or newer than the one it was made
// for, and so has to know the newest migration.
func TestTheBridgeKnowsTheNewestMigration(t *testing.T) {
	t.Parallel()
	migrations, err := filepath.Glob(filepath.Join(root, "sql/migrations/*.sql"))
	if err != nil || len(migrations) == 0 {
		t.Fatal(err, migrations)
	}
	conf, err := os.ReadFile(filepath.Join(root, "django_bridge/src/django_sespan/conf.py"))
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`(?m)^SCHEMA_VERSION = (\d+)$`).FindSubmatch(conf)
	if known == nil || string(known[1]) != strconv.Itoa(len(migrations)) {
		t.Errorf("conf.py has %q, the chain has %d migrations", known, len(migrations))
	}
}
