package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

// compose is docker-compose.yml as far as it goes: a key that is not here is refused.
type compose struct {
	Name     string
	Services map[string]service
	Volumes  map[string]any
}

type service struct {
	Image       string
	Build       *build
	Profiles    []string
	NetworkMode string `yaml:"network_mode"`
	Command     []string
	Environment map[string]string
	Volumes     []string
	Ports       []string
	Healthcheck struct {
		Test              []string
		Interval, Timeout string
		Retries           int
		Disable           bool
	}
	DependsOn map[string]struct{ Condition string } `yaml:"depends_on"`
}

type build struct{ Context, Dockerfile string }

// UnmarshalYAML reads the short form too: the folder alone.
func (b *build) UnmarshalYAML(node *yaml.Node) error {
	b.Dockerfile = "Dockerfile"
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&b.Context)
	}
	type long build
	return node.Decode((*long)(b))
}

func loadCompose(t *testing.T) compose {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("docker-compose.yml does not load: %v", err)
	}
	return c
}

func TestComposeServices(t *testing.T) {
	t.Parallel()
	c := loadCompose(t)
	for _, name := range []string{"postgres", "mail", "sespan", "shop"} {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
	for name, s := range c.Services {
		if (s.Build == nil) == (s.Image == "") {
			t.Errorf("%s needs an image or what builds one, not both", name)
		}
		if s.Build != nil {
			if _, err := os.Stat(filepath.Join(root, s.Build.Context, s.Build.Dockerfile)); err != nil {
				t.Errorf("%s: its Dockerfile: %v", name, err)
			}
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s, want loopback", name, port)
			}
		}
		for _, mount := range s.Volumes {
			volume, _, _ := strings.Cut(mount, ":")
			if _, err := os.Stat(filepath.Join(root, volume)); strings.HasPrefix(volume, "./") && (err != nil || !strings.HasSuffix(mount, ":ro")) {
				t.Errorf("%s mounts %s: %v, want a folder that it cannot write to", name, mount, err)
			} else if !strings.HasPrefix(volume, "./") && !declared(c.Volumes, volume) {
				t.Errorf("%s mounts %s, which is no volume", name, volume)
			}
		}
		for dependency, d := range s.DependsOn {
			if on, ok := c.Services[dependency]; !ok {
				t.Errorf("%s depends on %s, which is no service", name, dependency)
			} else if len(s.Profiles) == 0 && len(on.Profiles) > 0 {
				t.Errorf("%s depends on %s, which is there with %v alone", name, dependency, on.Profiles)
			}
			if !slices.Contains([]string{"service_started", "service_healthy", "service_completed_successfully"}, d.Condition) {
				t.Errorf("%s waits for %s to be %q", name, dependency, d.Condition)
			}
		}
	}
}

func declared(volumes map[string]any, name string) bool {
	_, ok := volumes[name]
	return ok
}

// What compose gives to the sespan binary must be a command line and variables
// that it knows.
func TestComposeCommandsAndVariables(t *testing.T) {
	t.Parallel()
	known := variables(t)
	commands := 0
	for name, s := range loadCompose(t).Services {
		if s.Build == nil || s.Build.Dockerfile != "Dockerfile" {
			continue
		}
		commands++
		args := slices.Clone(s.Command)
		if name == "sespan-setup" {
			args = append(args, "--dsn", s.Environment["SESPAN_DATABASE_URL"])
		}
		for variable, value := range s.Environment {
			flag := known[variable]
			switch {
			case flag == nil:
				t.Errorf("%s: variable %s is not known", name, variable)
			case flag.HasDefault && flag.Default == value:
				t.Errorf("%s: %s=%s is the default", name, variable, value)
			case s.Command[0] != "init": // its flags have other names
				args = append(args, "--"+flag.Name+"="+value)
			}
		}
		if _, err := parse(args...); err != nil {
			t.Errorf("%s: sespan %s: %v", name, strings.Join(args, " "), err)
		}
	}
	if commands < 3 {
		t.Fatalf("only %d services run the binary", commands)
	}
}

// variables are the flags of those that a command reads.
func variables(t *testing.T) map[string]*kong.Flag {
	t.Helper()
	parser, err := kong.New(&CLI{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*kong.Flag{}
	for _, leaf := range parser.Model.Leaves(false) {
		for _, flags := range leaf.AllFlags(false) {
			for _, flag := range flags {
				for _, name := range flag.Envs {
					known[name] = flag
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
