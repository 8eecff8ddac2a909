package app

import (
	"os"
	"testing"

	"sespan/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
