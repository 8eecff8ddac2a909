package postgres_test

import (
	"os"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
