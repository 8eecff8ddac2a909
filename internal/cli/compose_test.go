package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../.."

func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithWorkingDirectory(root))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("docker-compose.yml does not load: %v", err)
	}
	return p
}

func TestComposeServices(t *testing.T) {
	t.Parallel()
	p := loadCompose(t)
	for _, name := range []string{"postgres", "mail", "sespan", "shop"} {
		if _, ok := p.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
	for name, s := range p.Services {
		if s.Build != nil {
			if _, err := os.Stat(filepath.Join(s.Build.Context, orName(s.Build.Dockerfile))); err != nil {
				t.Errorf("%s: its Dockerfile: %v", name, err)
			}
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %s on %q, want loopback", name, port.Published, port.HostIP)
			}
		}
		for dependency := range s.DependsOn {
			if _, ok := p.Services[dependency]; !ok {
				t.Errorf("%s depends on %s, which is no service", name, dependency)
			}
		}
	}
}

// What compose gives to the sespan binary must be a command line and variables
// that it knows.
func TestComposeCommandsAndVariables(t *testing.T) {
	t.Parallel()
	known := variables(t)
	commands := 0
	for name, s := range loadCompose(t).Services {
		if s.Build == nil || (s.Build.Dockerfile != "" && s.Build.Dockerfile != "Dockerfile") {
			continue
		}
		commands++
		args := []string(s.Command)
		if name == "sespan-setup" {
			args = append(args, "--dsn", *s.Environment["SESPAN_DATABASE_URL"])
		}
		if _, err := parse(args...); err != nil {
			t.Errorf("%s: sespan %s: %v", name, strings.Join(s.Command, " "), err)
		}
		for variable := range s.Environment {
			if !known[variable] {
				t.Errorf("%s: variable %s is not known", name, variable)
			}
		}
	}
	if commands < 3 {
		t.Fatalf("only %d services run the binary", commands)
	}
}

// variables are those that a command reads.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	parser, err := kong.New(&CLI{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, leaf := range parser.Model.Leaves(false) {
		for _, flags := range leaf.AllFlags(false) {
			for _, flag := range flags {
				for _, name := range flag.Envs {
					known[name] = true
				}
			}
		}
	}
	return known
}

func TestDockerfileBuildsAsMakeDoes(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, want := range []string{"RUN make build", "USER nonroot", "static-debian12"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile has no %q", want)
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)[1]
	if !strings.Contains(text, "golang:"+string(version)+"-") {
		t.Errorf("the Dockerfile does not build with Go %s", version)
	}
}

func orName(dockerfile string) string {
	if dockerfile == "" {
		return "Dockerfile"
	}
	return dockerfile
}
